package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	askTime    = 5 * time.Second
	maxAsked   = 1 << 20  // bytes of a question
	maxAnswers = 64 << 20 // bytes of an answer
)

// Answer has this node answer what others ask about a topic: see AskAll.
func (n *Node) Answer(topic string, do func(ctx context.Context, question []byte) ([]byte, error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.topics[topic] = do
}

// serveAsk answers another member.
func (n *Node) serveAsk(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	do := n.topics[r.PathValue("topic")]
	n.mu.Unlock()
	question, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsked))
	if err == nil && do == nil {
		err = fmt.Errorf("this node answers nothing about %q", r.PathValue("topic"))
	}
	var answer []byte
	if err == nil {
		answer, err = do(r.Context(), question)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Write(answer)
}

// AskAll asks all other nodes something, at the same time. It returns their answers by their names, and the names of those that have
// not answered within a few seconds. A node that was not heard lately is not asked.
func (n *Node) AskAll(ctx context.Context, topic string, question []byte) (answers map[string][]byte, silent []string) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	answers = map[string][]byte{}
	for _, m := range n.members.Load().Nodes {
		if m.ID == n.identity.Node {
			continue
		}
		all.Go(func() {
			answer, err := n.askOne(ctx, m, topic, question)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent = append(silent, m.Name)
				return
			}
			answers[m.Name] = answer
		})
	}
	all.Wait()
	return answers, silent
}

// mayAsk reports whether a member was heard lately, or could not be: a follower hears few others.
func (n *Node) mayAsk(m Member) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.config.Now()
	if m.Follows != 0 {
		r, ok := n.reports[m.ID]
		return n.following != nil || ok && now.Sub(r.at) < reportHeard
	}
	p := n.peers[m.ID]
	return n.following != nil || p != nil && now.Sub(p.at) < 4*beatTime
}

func (n *Node) askOne(ctx context.Context, m Member, topic string, question []byte) ([]byte, error) {
	if !n.mayAsk(m) {
		return nil, fmt.Errorf("the node %s is not heard", m.Name)
	}
	u := url.URL{Scheme: "https", Host: m.Address, Path: "/ask/" + topic}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	answer, err := n.client(m).Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, answerError(answer)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswers+1))
	if err == nil && len(text) > maxAnswers {
		err = fmt.Errorf("the answer of %s is longer than %d bytes", m.Name, maxAnswers)
	}
	return text, err
}
