package cluster

import "github.com/google/uuid"

// Note is what a voter says in the log about a file of its own: the head of its history. All others compare.
type Note struct {
	Node    uint64    `json:"node"`
	About   uuid.UUID `json:"about"`
	Entries uint64    `json:"entries"`
	Root    []byte    `json:"root"`
}
