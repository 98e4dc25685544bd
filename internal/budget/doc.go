// Package budget bounds the memory that is in use at once for clients: bodies of requests, answers, and what is read to
// make them.
//
// A [Budget] is a number of bytes that many share. A [Reservation] is what one request holds of several budgets: its
// account's, its party's and the server's. A package that makes an answer finds the request's reservation with [From] and
// grows it before it allocates.
//
// [Turns] shares the processors: long work is done in turns, and the party that has used the least goes first.
//
// The package knows neither accounts nor HTTP: its users decide which budgets exist and what their exhaustion means. It does
// not measure memory; it counts what callers report.
package budget
