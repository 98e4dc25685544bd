// Package store keeps what was agreed and what was shared: accord.db, and one bbolt file an agreement.
package store
