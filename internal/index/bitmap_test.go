package index

import (
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// What is read from the database stays what it is when the database uses its memory for something else.
func TestABitmapKeepsNothingOfTheDatabasesMemory(t *testing.T) {
	positions := roaring.New()
	positions.AddRange(100, 300)
	for n := uint32(1000); n < 60000; n += 7 {
		positions.Add(n)
	}
	kept, err := appendBitmap(nil, positions)
	if err != nil {
		t.Fatal(err)
	}
	for chunk := range uint32(2) {
		for name, into := range map[string]*roaring.Bitmap{"an empty bitmap": roaring.New(), "one with others": roaring.BitmapOf(5, 1<<chunkBits+5, 1<<20)} {
			text := append([]byte{}, kept...)
			if err := orBitmap(into, chunk, text); err != nil {
				t.Fatal(err)
			}
			want := into.GetCardinality()
			whole := into.ToArray()
			clear(text)
			if got := roaring.BitmapOf(whole...); into.AndCardinality(got) != want || into.Maximum() != whole[len(whole)-1] {
				t.Errorf("chunk %d into %s: %d of %d positions are left", chunk, name, into.AndCardinality(got), want)
			}
		}
	}
}
