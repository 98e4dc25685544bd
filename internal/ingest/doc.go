// Package ingest is the way of a POST below HTTP: raw objects are validated in parallel, held to the agreement's terms and
// appended to its journal in one go. Start reading at [Accept].
package ingest
