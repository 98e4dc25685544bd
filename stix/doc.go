// Package stix reads what Accord needs of a STIX 2.1 object without taking it apart: its identifier, its version as an
// instant of full precision, its spec version, its category and its markings.
//
// An [Object] is a view over the text that was sent (see package ijson). Nothing here changes or re-encodes an object,
// and nothing here judges it: [FromTree] leaves empty what is missing or malformed, and package validate says so.
// Start reading at [Object].
package stix
