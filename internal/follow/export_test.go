package follow

// SetPreviewEntries sets from how many entries on a preview draws a part, and returns what sets it back.
func SetPreviewEntries(n uint64) (restore func()) {
	before := previewEntries
	previewEntries = n
	return func() { previewEntries = before }
}
