// Package pattern reads the STIX 2.1 patterning language (section 9 of the Standard) and says what is wrong with a pattern.
//
// [Parse] turns a text into a [Pattern], a tree that other programs can [Walk] and print back; it fails exactly where the
// text does not derive from the grammar, with a [SyntaxError] that names the place, what was found and what was expected.
// [Check] looks at the meaning of a pattern that parses: dates that do not exist, comparisons that no object can satisfy,
// properties that the Standard does not know. [Validate] does both and is the verdict that ingest and `accord validate`
// share: a pattern is refused when one of its findings is no warning.
//
// The rules have the numbers of the rule table, S-301 to S-325. Beyond the grammar a pattern may hold what the OASIS parser
// takes and nobody can misread, each with a warning: `==` for `=`, `<>` for `!=`, a plus sign before a number, upper-case
// digits in h'…'. Comments are refused.
//
// The package refuses to evaluate a pattern against observations, and to run the regular expressions of MATCHES, which are
// PCRE written by strangers. Reading and checking take linear time and bounded depth whatever the text: see [Options].
// Start reading at [Parse], then ast.go for the tree.
package pattern
