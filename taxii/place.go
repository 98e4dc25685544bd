package taxii

// HeaderPlace is not of the Standard: a server that is a node of a cluster says with it, in answers to Add Objects and in lists, up to
// which place of the cluster's log the answer shows. A request that brings it back is answered by a node that has come that far.
const HeaderPlace = "X-Accord-Place"
