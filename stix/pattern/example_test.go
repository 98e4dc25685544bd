package pattern_test

import (
	"fmt"

	"github.com/accord-taxii/accord/stix/pattern"
)

func Example() {
	p, err := pattern.Parse(`[ file:name='evil.exe'  OR url:value LIKE 'http://%.example/' ]WITHIN 300 SECONDS`, pattern.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p)
	pattern.Walk(p.Root, func(n pattern.Node) bool {
		if test, ok := n.(*pattern.Test); ok {
			fmt.Println(test.Path.Type, test.Operator, test.Values[0].Content())
		}
		return true
	})
	// Output:
	// [file:name = 'evil.exe' OR url:value LIKE 'http://%.example/'] WITHIN 300 SECONDS
	// file = evil.exe
	// url LIKE http://%.example/
}

func ExampleParse() {
	_, err := pattern.Parse("[file:size = 25 and file:name = 'a.exe']", pattern.Options{})
	fmt.Println(err)
	// Output:
	// line 1, column 17: found the word and, expected AND, OR or ']'; keywords are written in capitals: AND
}

func ExampleValidate() {
	for _, f := range pattern.Validate("[file:size == 25 AND url:value = 'http://evil.example/']", "2.1") {
		kind := "error"
		if f.Warning {
			kind = "warning"
		}
		fmt.Printf("%d:%d %s %s: %s\n", f.Line, f.Column, kind, f.Rule, f.Message)
	}
	// Output:
	// 1:12 warning S-301: found ==, which the Standard does not have; write =
	// 1:22 error S-313: found url joined by AND to file inside one pair of brackets; no object is of both types: write [...] AND [...] for different objects, or OR
}
