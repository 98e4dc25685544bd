// Package ijson parses I-JSON text (RFC 8259 as narrowed by RFC 7493) once, into a flat tree of spans over that text.
//
// It exists because a STIX object is stored as the bytes that were sent: the package does not decode numbers, fold
// names or build maps. A [Tree] is a list of nodes in document order that point into the text; validation, header
// fields and the digest all read the same tree, so the text is decoded once.
//
// It is strict where encoding/json is lenient, because each leniency would allow two readers of the same text to see
// different objects: duplicate member names (compared after un-escaping), invalid UTF-8, unpaired surrogates and a byte
// order mark are errors, and so is nesting beyond a limit.
//
// It neither repairs nor re-encodes anything: [Tree.Text] is the text that was parsed, without the white space between
// its tokens. Start reading at [Tree.Parse].
package ijson
