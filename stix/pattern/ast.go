package pattern

// Node is a node of a pattern's tree: an [Observation], a [Comparison], or one of their parts.
type Node interface {
	// Pos returns the offset in bytes of the node's first character in the text that was parsed; Pattern.Position turns
	// it into a line and a column.
	Pos() int
}

// Observation is an Observation Expression (section 9.5): *Bracket, *Joined, *Group or *Qualified.
type Observation interface {
	Node
	observation()
}

// Comparison is one Comparison Expression or several joined ones (section 9.6): *Test, *Combined or *Parens.
type Comparison interface {
	Node
	comparison()
}

// Joiner is an operator that joins expressions. And and Or join comparisons inside brackets, which concern one object,
// and observations outside them, which concern different objects; FollowedBy joins only observations.
type Joiner uint8

// The joiners, from the weakest.
const (
	FollowedBy Joiner = iota + 1
	Or
	And
)

// String returns the joiner as written in patterns.
func (j Joiner) String() string {
	switch j {
	case FollowedBy:
		return "FOLLOWEDBY"
	case Or:
		return "OR"
	case And:
		return "AND"
	}
	return "unknown"
}

// Joined is two or more observation expressions joined by one operator, which binds from left to right.
type Joined struct {
	Joiner Joiner
	Parts  []Observation
}

// Bracket is a comparison in square brackets, which a single observation must satisfy.
type Bracket struct {
	Comparison Comparison
	Offset     int
}

// Group is an observation expression in parentheses.
type Group struct {
	Inner  Observation
	Offset int
}

// Qualified is an observation expression, a *Bracket or a *Group, followed by one or more qualifiers.
type Qualified struct {
	Inner      Observation
	Qualifiers []Qualifier
}

// QualifierKind is the kind of a qualifier (section 9.5.1).
type QualifierKind uint8

// The kinds of qualifiers.
const (
	Within    QualifierKind = iota + 1 // WITHIN Amount SECONDS
	Repeats                            // REPEATS Amount TIMES
	StartStop                          // START Amount STOP Stop
)

// String returns the word that begins a qualifier of this kind.
func (k QualifierKind) String() string {
	switch k {
	case Within:
		return "WITHIN"
	case Repeats:
		return "REPEATS"
	case StartStop:
		return "START"
	}
	return "unknown"
}

// Qualifier restricts when or how often an observation expression matches.
type Qualifier struct {
	Kind   QualifierKind
	Amount Constant // seconds, times, or the timestamp after START
	Stop   Constant // the timestamp after STOP
	Offset int
}

// Combined is two or more comparisons joined by And or Or.
type Combined struct {
	Joiner Joiner
	Parts  []Comparison
}

// Parens is a comparison in parentheses.
type Parens struct {
	Inner  Comparison
	Offset int
}

// Operator is a Comparison Operator (section 9.6.1).
type Operator uint8

// The comparison operators.
const (
	Equal          Operator = iota + 1
	NotEqual                // !=
	Less                    // <
	LessOrEqual             // <=
	Greater                 // >
	GreaterOrEqual          // >=
	In                      // IN (…): one or more values
	Like                    // LIKE
	Matches                 // MATCHES
	IsSubset                // ISSUBSET
	IsSuperset              // ISSUPERSET
	Exists                  // EXISTS, before the path, without a value
)

// String returns the operator as the Standard spells it.
func (o Operator) String() string {
	if int(o) < len(operatorNames) {
		return operatorNames[o]
	}
	return "unknown"
}

var operatorNames = [...]string{"unknown", "=", "!=", "<", "<=", ">", ">=", "IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET", "EXISTS"}

// Test is one comparison: an object path, an operator and its constants.
type Test struct {
	Path     Path
	Operator Operator
	Spelling string // the operator as written: "==" and "<>" stand for "=" and "!="
	Not      bool   // negated: NOT before the operator
	Values   []Constant
	Offset   int
	OpOffset int // of the operator
}

// Path is an object path (section 9.7): an object type and the steps from there to a value.
type Path struct {
	Type   string
	Steps  []Step // at least one; the first is a key
	Offset int
}

// Step is one step of a path: a key, an index, or [*].
type Step struct {
	Kind   StepKind
	Text   string // as written: key, 'quoted key', the digits of an index, *
	Offset int
}

// StepKind is the kind of a step.
type StepKind uint8

// The kinds of steps.
const (
	Key   StepKind = iota + 1 // a property name or dictionary key
	Index                     // [n]
	Any                       // [*]
)

// Name returns the key of the step, without apostrophes and escapes, or "" for an index.
func (s Step) Name() string {
	switch {
	case s.Kind != Key:
		return ""
	case s.Text[0] == '\'':
		return unescape(s.Text[1 : len(s.Text)-1])
	}
	return s.Text
}

// Pos returns where the first part begins.
func (n *Joined) Pos() int { return n.Parts[0].Pos() }

// Pos returns the offset of the left bracket.
func (n *Bracket) Pos() int { return n.Offset }

// Pos returns where the left parenthesis stands.
func (n *Group) Pos() int { return n.Offset }

// Pos returns the offset of the observation expression.
func (n *Qualified) Pos() int { return n.Inner.Pos() }

// Pos returns the offset of the qualifier's first word.
func (n *Qualifier) Pos() int { return n.Offset }

// Pos returns where the first part begins.
func (n *Combined) Pos() int { return n.Parts[0].Pos() }

// Pos returns where the left parenthesis stands.
func (n *Parens) Pos() int { return n.Offset }

// Pos returns the offset of the test: its path, NOT or EXISTS.
func (n *Test) Pos() int { return n.Offset }

func (*Joined) observation()    {}
func (*Bracket) observation()   {}
func (*Group) observation()     {}
func (*Qualified) observation() {}
func (*Combined) comparison()   {}
func (*Parens) comparison()     {}
func (*Test) comparison()       {}
