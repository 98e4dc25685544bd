// Package pattern parses and checks patterns in the STIX 2.1 patterning language (section 9 of the Standard).
//
// [Parse] turns a text into a [Pattern], a tree that programs can [Walk] and print; it fails exactly if the text does
// not follow the grammar, with a [SyntaxError] that gives the place, what was found and what was expected. [Check]
// examines the meaning of a parsed pattern: dates that do not exist, comparisons that no object can satisfy, properties
// that the Standard does not have. [Validate] does both and is used by ingest and `accord validate`: a pattern is
// refused if one of its findings is not a warning.
//
// The rules have the numbers of the rule table, S-301 to S-325. Beyond the grammar a pattern may contain some
// unambiguous forms that the OASIS parser accepts, each with a warning: `==` for `=`, `<>` for `!=`, a plus sign before
// a number, upper-case digits in h'…'. Comments are refused.
//
// The package does not evaluate patterns against observations, and does not run the regular expressions of MATCHES,
// which are PCRE written by strangers. Parsing and checking take linear time and bounded depth for any text: see
// [Options]. Start reading at [Parse], then ast.go for the tree.
package pattern
