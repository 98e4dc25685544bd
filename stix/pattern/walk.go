package pattern

// Walk calls visit for n and every node below it in the order of the text, a node before its parts. If visit returns
// false, it skips the parts of that node. The qualifiers of an observation expression are visited after it, as
// *Qualifier.
func Walk(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	switch n := n.(type) {
	case *Joined:
		for _, part := range n.Parts {
			Walk(part, visit)
		}
	case *Qualified:
		Walk(n.Inner, visit)
		for i := range n.Qualifiers {
			Walk(&n.Qualifiers[i], visit)
		}
	case *Group:
		Walk(n.Inner, visit)
	case *Bracket:
		Walk(n.Comparison, visit)
	case *Combined:
		for _, part := range n.Parts {
			Walk(part, visit)
		}
	case *Parens:
		Walk(n.Inner, visit)
	}
}
