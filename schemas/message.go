package schemas

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// tell returns a violation for each missing property, and one for any other fault.
func (x *explainer) tell(f fault) []Violation {
	rule := x.ruleOf(f)
	subject := x.subject(f)
	phrase := phraseOf(f.schema)
	node := f.node
	found := x.value(node)
	say := func(format string, args ...any) []Violation {
		return []Violation{{rule, f.path, fmt.Sprintf(format, args...)}}
	}
	switch f.keyword {
	case "pattern":
		if f.named {
			return say("%s is not a name to use, expected %s", subject, phrase)
		}
	case "required":
		var all []Violation
		for _, name := range f.schema.Required {
			if x.tree.Member(node, name) < 0 {
				all = append(all, say("%s lacks %s, which is required", subject, name)...)
			}
		}
		return all
	case "type":
		if phrase != "" {
			phrase = ": " + phrase
		}
		return say("%s is %s, expected %s%s", subject, found, typesOf(f.schema), phrase)
	case "const", "enum":
		return say("%s is %s, expected %s", subject, found, choices(append(f.schema.Constant[:len(f.schema.Constant):len(f.schema.Constant)], f.schema.Enum...)))
	case "minItems":
		return say("%s is an empty list; leave it out, or put at least one item in", subject)
	case "minProperties":
		return say("%s is an empty dictionary; leave it out, or put at least one entry in", subject)
	case "not":
		return say("%s is %s: %s", subject, found, sentenceOf(f.schema))
	case "anyOf", "oneOf", "then", "else", "minContains", "dependentRequired":
		return say("%s; found %s", sentenceOf(f.schema), x.present(f))
	}
	if phrase == "" {
		phrase = "a value that satisfies " + f.keyword + " of " + f.schema.Location
	}
	return say("%s is %s, expected %s", subject, found, phrase)
}

// ruleOf returns the rule that a fault breaks: the rule that the $comment of the schema names for the keyword, or that
// of a schema that refers to it, the outermost first; else the rule for the keyword itself.
func (x *explainer) ruleOf(f fault) string {
	null := f.keyword == "type" && x.tree.Kind(f.node) == ijson.Null
	if null {
		return "S-005"
	}
	for _, schema := range append(slices.Clip(f.around), f.schema) {
		if rule := commentRule(schema.Comment, f.keyword); rule != "" {
			return rule
		}
	}
	if x.entry == x.lib.custom {
		// The common properties of a type defined outside the Standard (sections 7.3 and 11.2).
		switch {
		case f.keyword == "required" && f.path == "":
			return "S-079"
		case f.keyword == "type" && strings.Count(f.path, "/") == 1:
			return "S-081"
		}
	}
	switch f.keyword {
	case "required":
		return "S-013"
	case "type":
		return typeRule(f.schema, x.tree.Kind(f.node))
	case "enum":
		return "S-041"
	case "minItems":
		return "S-026"
	case "minProperties":
		return "S-027"
	}
	return "S-014"
}

func typeRule(s *jsonschema.Schema, found ijson.Kind) string {
	switch {
	case slices.Equal(s.Types, []string{"boolean"}):
		return "S-006"
	case slices.Equal(s.Types, []string{"integer"}) && found == ijson.Number:
		return "S-007"
	}
	return "S-014"
}

// commentRule reads the rule for a keyword from a $comment: "S-053" applies to all keywords of the schema, "minimum:
// S-153; maximum: S-153" to those two.
func commentRule(comment, keyword string) string {
	if strings.HasPrefix(comment, "S-") {
		return comment
	}
	for part := range strings.SplitSeq(comment, "; ") {
		if of, rule, ok := strings.Cut(part, ": "); ok && of == keyword {
			return rule
		}
	}
	return ""
}

// subject returns the subject of a sentence: the path to a value or name, or the object.
func (x *explainer) subject(f fault) string {
	switch {
	case f.named:
		return "the property name " + x.value(f.node) + " in " + x.holder(f.path)
	case f.path == "":
		return x.holder("/")
	}
	return f.path[1:]
}

// holder returns a name for the object that the member at path belongs to.
func (x *explainer) holder(path string) string {
	if outer := path[:strings.LastIndexByte(path, '/')]; outer != "" {
		return outer[1:]
	}
	if x.entry == x.lib.custom {
		return "the object"
	}
	return "the " + x.entry.name
}

// value describes a value, shortened.
func (x *explainer) value(node int) string {
	t := x.tree
	switch kind := t.Kind(node); kind {
	case ijson.String:
		return clip(fmt.Sprintf("%q", clip(t.Str(node), 80)), 120)
	case ijson.Number:
		return clip(string(t.Raw(node)), 40)
	case ijson.True, ijson.False, ijson.Null:
		return string(t.Raw(node))
	case ijson.Array:
		return counted(t.Nodes[node].Count, "a list", "item", "items")
	default:
		return counted(t.Nodes[node].Count, "a dictionary", "entry", "entries")
	}
}

func counted(n uint32, what, one, many string) string {
	switch n {
	case 0:
		return what + " without " + many
	case 1:
		return what + " of one " + one
	}
	return fmt.Sprintf("%s of %d %s", what, n, many)
}

// clip shortens a text to about most bytes, between characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for i := range s {
		if i >= most {
			return s[:i] + "..."
		}
	}
	return s
}

// present lists the properties of a condition that are present, with their values.
func (x *explainer) present(f fault) string {
	names := map[string]bool{}
	addNames(names, &jsonschema.Schema{
		AnyOf: f.schema.AnyOf, OneOf: f.schema.OneOf, If: f.schema.If, Then: f.schema.Then, Else: f.schema.Else,
		DependentRequired: f.schema.DependentRequired,
	})
	var there, missing []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if value := x.tree.Member(f.node, name); value >= 0 {
			there = append(there, name+" "+x.value(value))
		} else {
			missing = append(missing, name)
		}
	}
	if len(there) == 0 {
		return "none of " + unsaid(sentenceOf(f.schema), missing)
	}
	if len(missing) > 0 {
		return enumerate(there, "and") + ", but no " + enumerate(missing, "or")
	}
	return enumerate(there, "and")
}

// unsaid returns "them" if the sentence mentions all names, otherwise a list of the names, shortened after six.
func unsaid(sentence string, names []string) string {
	const most = 6
	if !slices.ContainsFunc(names, func(name string) bool { return !strings.Contains(sentence, name) }) {
		return "them"
	}
	if more := len(names) - most; more > 1 {
		return enumerate(append(slices.Clone(names[:most]), fmt.Sprintf("%d more", more)), "and")
	}
	return enumerate(names, "and")
}

func enumerate(words []string, last string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}

func choices(values []any) string {
	var words []string
	for _, value := range values {
		words = append(words, fmt.Sprintf("%#v", value))
	}
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

// typesOf returns the Standard's names for the types of a schema.
func typesOf(s *jsonschema.Schema) string {
	words := map[string]string{"string": "a string", "number": "a number", "integer": "a whole number", "boolean": "true or false",
		"array": "a list", "object": "a dictionary"}
	var named []string
	for _, name := range s.Types {
		named = append(named, words[name])
	}
	if len(named) == 0 {
		return "another type"
	}
	return enumerate(named, "or")
}

var sectionAtEnd = regexp.MustCompile(`\.?( Sections? [0-9., and]+)?\.?$`)

// sentenceOf returns a schema's description without its section and its full stop.
func sentenceOf(s *jsonschema.Schema) string {
	return sectionAtEnd.ReplaceAllString(s.Description, "")
}

// phraseOf returns a schema's description as part of a sentence.
func phraseOf(s *jsonschema.Schema) string {
	text := sentenceOf(s)
	if text == "" {
		return ""
	}
	return strings.ToLower(text[:1]) + text[1:]
}
