// Package store keeps what was agreed and what was shared: accord.db with the parties, accounts, API roots and the list
// of agreements, and one bbolt file an agreement with its journal, its objects and the indexes over them.
//
// It does not validate: whether an object is valid STIX and whether the terms accept it is decided before. It never
// decodes an object to serve it, and never re-encodes one. Start reading at [Open], then at [Collection.Append], the only
// way to change a file, and [Collection.Page]; the buckets are listed in keys.go.
//
// # Changing
//
// Append prepares a batch in the caller's goroutine (digest, keys) and adds it to the collection's commit queue. One
// goroutine per collection puts all waiting batches into one transaction and commits it once. Inside, apply is
// deterministic: the queue has read the clock before. date_added strictly increases, and the last object of a transaction gets a whole millisecond (see apply).
//
// A version is identified by the object's identifier, the instant of its version and its spec version: the same object
// may be held as STIX 2.0 and as 2.1. Objects without `modified` and `created` are told apart by their content.
//
// # Reading
//
// Each version has a class: whether it is the first or last of its object, in its spec version or at all, and whether the
// object is held in both. Classes are part of the keys, so that what a query selects is always whole runs of keys in
// order of date_added, entered where the page begins by a seek, and merged:
//
//	query                                    runs, one for each class that qualifies and occurs
//	every stored version qualifies           objects itself
//	no identifiers, no types                 order
//	types                                    bytype, for each type
//	exact versions                           byversion, for each type that occurs under that version
//	identifiers                              byid for objects with several versions, versions for others
//	identifiers with exact versions          versions
//
// Filters that are combined take the index of the more selective kind, identifiers before types, and check the rest in
// the keys. With N versions stored, a page of n versions out of r runs costs O(r log N) to begin and O(n log r) to walk,
// beside the bytes it copies: r is at most 20 times the identifiers, types or versions that were named, and usually two
// or three. Nothing is skipped over, so no filter costs more because it matches little. KnownID and KnownVersion cost a
// seek each, Stats one read, and a query for what came after the newest version nothing at all.
//
// Adding a version costs O(log N), and changes the classes of its two neighbours at most; an object that is held in both
// spec versions is classified anew as a whole, O(its versions). So is finding out whether the content of an object
// without version is new, though only hashes are looked at. Removing costs in proportion to what is removed and, where
// only some versions go, the versions of that object.
//
// # Deleting
//
// What is deleted is gone from the file's structure at once. It stays in free pages until a sweep overwrites them with zeros,
// within seconds; backups have zeros for all free pages. See sweep.go.
//
// # What is not promised
//
// A sweep waits until backups and checks that are in progress have ended. Disks and file systems that write to another place
// than they were told (flash, copies on write, snapshots) may keep what was overwritten.
//
// Check reads a file as it was at one moment, and so keeps its pages from being used again until it is done.
package store
