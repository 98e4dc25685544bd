// Package index finds objects across agreements: by the values that they hold or look for, by words, and by what refers
// to them. Start reading at [Open], [Index.Run] and [Index.Search].
//
// The index is a follower of every agreement's journal. It keeps bitmaps of journal positions, one for each term of each
// agreement, in a pebble database below the data folder. A position stands for the version that was added there; live
// positions are those of the last version of each object. Nothing in it is needed: removed while the server is stopped,
// or found damaged, it is made again from the journals.
//
// # Rights
//
// Every key begins with the number of an agreement, and a search looks only at the agreements in its [Scope], which the
// caller fills with those that it may read at that moment. So no answer, total, order or time depends on an agreement
// that the caller could not pull from. Results are ordered by date_added, not by a score: a score would speak of objects
// that the caller does not see.
//
// # Removal
//
// Terms are kept as keyed hashes, never as text; addresses are kept in binary form, since ranges need their order, and
// leave with the object. What a result shows is read from the agreement's file while the answer is made. A search takes
// out what was removed since the index last moved, so a removal leaves every answer at once.
//
// The package does not decide who may search, and does not note deliveries: its callers do both.
package index
