// Package budget bounds the memory that is in use at once for clients: bodies of requests, answers, and what is read to
// make them.
//
// A [Budget] is a number of bytes that many share. A [Reservation] is what one request holds of several budgets: its
// account's, its party's and the server's. A package that makes an answer finds the request's reservation with [From] and
// grows it before it allocates.
//
// [Turns] bounds the other thing that long work takes from everybody, the processors: it is done in turns, which parties get
// in the order of how little they have used.
//
// The package knows neither accounts nor HTTP: which budgets exist and what their exhaustion means is decided by whoever
// makes them. It does not measure memory; it counts what callers say.
package budget
