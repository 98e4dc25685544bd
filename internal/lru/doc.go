// Package lru keeps values up to a bound, and drops those that were used least recently. It knows nothing of what they are.
// Start reading at [Cache].
package lru
