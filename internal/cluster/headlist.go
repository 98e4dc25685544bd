package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/google/uuid"
)

// Heads of many agreements are compared in one question a node: for people who look.

const headTopic = "heads"

// headAt is a head, or a question for one.
type headAt struct {
	About   uuid.UUID `json:"about"`
	Entries uint64    `json:"entries"`
	Root    []byte    `json:"root,omitempty"` // nil: the node does not have so many entries, or does not serve the agreement
	Closed  bool      `json:"closed,omitempty"`
}

// HeadStatus says whether the nodes have the same history of an agreement.
type HeadStatus struct {
	Collection uuid.UUID
	Entries    uint64
	Differs    []string // nodes that have another history of so many entries
	Closed     []string // nodes that do not serve it
}

// maxHeads is how many heads are compared at most: a question has to fit.
const maxHeads = 5000

// answerHeads answers other nodes.
func (n *Node) answerHeads() {
	n.Answer(headTopic, func(_ context.Context, text []byte) ([]byte, error) {
		var list []headAt
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, err
		}
		for i := range list {
			one := &list[i]
			if one.Closed = n.applier.isShut(one.About); one.Closed {
				continue
			}
			root, err := n.machine.HeadAt(one.About, one.Entries)
			if err != nil && !errors.Is(err, ErrShort) {
				one.Closed = true
			}
			if err == nil {
				one.Root = root
			}
		}
		return json.Marshal(list)
	})
}

// Heads compares the heads of this node's files with those of the other nodes. silent are those that did not answer.
func (n *Node) Heads(ctx context.Context) (list []HeadStatus, silent []string) {
	var own, asked []headAt
	for _, about := range n.machine.Files() {
		if entries, root, err := n.machine.Head(about); err == nil && len(own) < maxHeads {
			own = append(own, headAt{About: about, Entries: entries, Root: root})
			asked = append(asked, headAt{About: about, Entries: entries})
			list = append(list, HeadStatus{Collection: about, Entries: entries})
		}
	}
	question, err := json.Marshal(asked)
	if err != nil {
		return nil, nil
	}
	answers, silent := n.AskAll(ctx, headTopic, question)
	for name, text := range answers {
		var got []headAt
		if json.Unmarshal(text, &got) != nil || len(got) != len(own) {
			silent = append(silent, name)
			continue
		}
		for i, one := range got {
			switch {
			case one.Closed:
				list[i].Closed = append(list[i].Closed, name)
			case one.Root != nil && !bytes.Equal(one.Root, own[i].Root):
				list[i].Differs = append(list[i].Differs, name)
			}
		}
	}
	for i := range list {
		slices.Sort(list[i].Differs)
		slices.Sort(list[i].Closed)
	}
	slices.Sort(silent)
	return list, silent
}
