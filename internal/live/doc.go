// Package live tells readers of an agreement what changes in it, as it happens: [Service.Serve] answers a request with a
// stream of server-sent events (WHATWG HTML, section 9.2), which follows the journal.
//
// The stream shows what polls at the same instants would show: each step reads what the journal has gained and, in the same
// read transaction, asks the query that a poll would ask. It keeps nothing of its own: a position in the journal is all that
// a reader needs to go on, and a reader that is slow reads the journal later.
//
// The package knows neither credentials nor the routes of HTTP: its caller says who asks, and how to ask again.
package live
