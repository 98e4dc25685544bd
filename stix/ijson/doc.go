// Package ijson parses I-JSON text (RFC 8259 as narrowed by RFC 7493) once, into a flat tree of spans over that text.
//
// It exists because a STIX object is kept as the bytes that were sent: nothing here decodes a number, folds a name or
// builds a map. A [Tree] is a list of nodes in document order that point into the text; validation, header fields and
// the digest all read the same tree, so the text is decoded once.
//
// It is strict where encoding/json is lenient, because each leniency would let two readers of one text see two
// different objects: duplicate member names (compared after un-escaping), invalid UTF-8, unpaired surrogates and a
// byte order mark are errors, and so is nesting beyond a bound.
//
// It refuses to repair anything and to re-encode anything: [Tree.Text] is the text that came, without the white space
// between its tokens. Start reading at [Tree.Parse].
package ijson
