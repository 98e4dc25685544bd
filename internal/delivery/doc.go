// Package delivery keeps the record of deliveries: which account was given which positions of a collection, and when. Each
// agreement has a file of deliveries beside its own.
//
// Noting a delivery waits for nothing unless the caller asks for it; see [Log] for what a crash can lose. The package knows
// positions and names. It does not know what lies at a position, nor who may ask: its callers decide that.
//
// Start reading at [Log.Note], then block.go for how deliveries are stored.
package delivery
