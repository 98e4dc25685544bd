// Package schemas holds the JSON Schemas (draft 2020-12) of STIX 2.1, written for this project from the Standard, and judges
// the shape of objects with them.
//
// The JSON files are the product: one for each object type, common.json for the common types, custom.json for objects of
// types that the Standard does not define. README.md says how others use them. A subschema names the rule it stands for in
// its $comment, and its description says what would be right.
//
// Two readers of the same schemas agree to the last case: [Check] runs a program made from the compiled schema graph over a
// parsed tree, allocates nothing, and answers yes or no; [Explain] runs santhosh-tekuri/jsonschema and says what is wrong.
//
// It refuses to load anything that is not built in, and to judge what a schema cannot say: where references point, the order
// of times, whether a date exists. Those rules are package validate's.
//
// Start reading at [Check].
package schemas
