// Package schemas holds JSON Schemas (draft 2020-12) for STIX 2.1, written for this project from the Standard, and
// checks the shape of objects against them.
//
// The JSON files are the product: one for each object type, common.json for the common types, custom.json for objects
// of types that the Standard does not define. README.md describes how to use them elsewhere. A subschema names its rule
// in $comment, and its description says what would be right.
//
// The package has two readers of the same schemas, which agree in every case: [Check] runs a checker built from the
// compiled schemas over a parsed tree, allocates nothing, and answers yes or no; [Explain] runs
// santhosh-tekuri/jsonschema and says what is wrong.
//
// The package loads only built-in schemas, and does not check what a schema cannot express: the targets of references,
// the order of timestamps, whether a date exists. Package validate has those rules.
//
// Start reading at [Check].
package schemas
