package taxii_test

import (
	"context"
	"fmt"
	"time"

	"github.com/accord-taxii/accord/taxii"
)

func ExampleSplitEnvelope() {
	body := []byte(`{"objects": [ {"type":"tool","name":"a"}, {"type":"tool","name":"b"} ]}`)
	objects, err := taxii.SplitEnvelope(body, taxii.EnvelopeLimits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, object := range objects {
		fmt.Printf("%s\n", object)
	}
	_, err = taxii.SplitEnvelope([]byte(`{"objects":[17]}`), taxii.EnvelopeLimits{})
	fmt.Println(err)
	// Output:
	// {"type":"tool","name":"a"}
	// {"type":"tool","name":"b"}
	// item 0 of "objects" is a number, expected a STIX object (line 1, column 13, byte 12)
}

func ExampleFilter_Resolve() {
	collection := [16]byte{15: 1}
	first, _ := taxii.ParseFilter("match[type]=indicator&limit=100", taxii.ForObjects, taxii.FilterLimits{})
	next := first.Cursor(collection, time.UnixMicro(1_700_000_000_000_000))

	// The next request may leave the filters out, and ask for another number.
	second, _ := taxii.ParseFilter("limit=20&next="+next.String(), taxii.ForObjects, taxii.FilterLimits{})
	second, err := second.Resolve(collection)
	fmt.Println(second.Types, second.Limit, taxii.FormatTime(second.AddedAfter), err)
	// Output: [indicator] 20 2023-11-14T22:13:20.000000Z <nil>
}

func ExampleClient_Objects() {
	client, err := taxii.NewClient(taxii.ClientOptions{User: "agency", Password: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	collection := "https://taxii.example/nicp/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"
	for page, err := range client.Objects(context.Background(), collection, taxii.Query{Types: []string{"indicator"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, object := range page.Items {
			fmt.Printf("%s\n", object)
		}
	}
}
