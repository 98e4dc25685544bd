package index

// Wait is wait, for tests.
var Wait = (*Index).wait
