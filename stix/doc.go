// Package stix reads the parts of a STIX 2.1 object that Accord needs: its identifier, its version as an instant of
// full precision, its spec version, its category and its markings.
//
// An [Object] is a view of the text that was sent (see package ijson). The package neither changes nor re-encodes nor
// validates objects: [FromTree] leaves empty what is missing or malformed, and package validate reports it. Start
// reading at [Object].
package stix
