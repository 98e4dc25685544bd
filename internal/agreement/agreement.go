package agreement

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
)

// Names, each of its own kind so that two of them cannot be swapped.
type (
	Name        string // of an agreement
	PartyName   string // of a party
	AccountName string // of an account
)

// Caller is the account that makes a request and the party it belongs to. An
// operator may have no party.
type Caller struct {
	Account  AccountName
	Party    PartyName
	Operator bool
	ReadOnly bool // it neither adds nor deletes, whatever roles its party has
}

// Party is an organisation that takes part in agreements.
type Party struct {
	Name     PartyName `json:"name"`
	Title    string    `json:"title"`
	Identity stix.ID   `json:"identity,omitempty"` // its STIX identity, if known

	// ClientCA holds, in PEM form, the issuers of its accounts' client certificates; "" if it has none of its own.
	ClientCA string `json:"client_ca,omitempty"`
}

// Role is what a party may do in an agreement.
type Role string

const (
	Producer Role = "producer" // adds; with Consumer, deletes what it added
	Consumer Role = "consumer" // reads
	Auditor  Role = "auditor"  // reads history and deliveries
)

// Roles lists every role, in the order they are written.
func Roles() []Role { return []Role{Producer, Consumer, Auditor} }

// Membership gives a party its roles in an agreement.
type Membership struct {
	Party PartyName `json:"party"`
	Roles []Role    `json:"roles"`

	// Anonymous says that the party asks not to be named beyond the agreement: releases that name authors keep back what it adds.
	Anonymous bool `json:"anonymous,omitempty"`

	// Identity is the party's declared STIX identity. It is part of the terms, and not only of the party, because it
	// decides the owner of an object.
	Identity stix.ID `json:"identity,omitempty"`
}

// Agreement is a sharing agreement with its terms. Its JSON is the document
// that the agreement's file keeps and that a journal entry's digest covers; see
// Document. A value in use must not be changed: change a Clone.
type Agreement struct {
	Name        Name         `json:"name"`
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	APIRoot     string       `json:"api_root"`
	Collection  Collection   `json:"collection"`
	Parties     []Membership `json:"parties"`
	Members     string       `json:"members,omitempty"` // MembersConfidential (default) or MembersVisible
	Origins     string       `json:"origins,omitempty"` // OriginsHidden (default) or OriginsVisible
	Term        Term         `json:"term"`
	Wording     *Wording     `json:"terms,omitempty"` // nil: none
	Accept      Accept       `json:"accept"`
	Release     []Release    `json:"release,omitempty"`
	Mirror      *Mirror      `json:"mirror,omitempty"`
	Push        *Push        `json:"push,omitempty"`
	Retention   Retention    `json:"retention,omitzero"`
	Public      bool         `json:"public,omitempty"` // PublicParty reads it

	// Feedback lists the types that consumers may add about what releases brought. It follows from the releases into the
	// agreement, and is among its terms because rights depend on it.
	Feedback []string `json:"feedback,omitempty"`

	Suspended  *Mark `json:"suspended,omitempty"`
	Terminated *Mark `json:"terminated,omitempty"`
}

// Collection is how TAXII clients address the agreement (TAXII 2.1, section
// 5.2.1).
type Collection struct {
	ID    uuid.UUID `json:"id"`
	Alias string    `json:"alias,omitempty"`
}

// Accept restricts what may come in. An absent term restricts nothing, except
// that SpecVersions defaults to 2.1.
type Accept struct {
	Types          []string `json:"types,omitempty"`         // object types; none: all
	SpecVersions   []string `json:"spec_versions,omitempty"` // none: 2.1
	MaxTLP         stix.TLP `json:"max_tlp,omitempty"`       // the most restrictive marking taken; none: any
	DefaultTLP     stix.TLP `json:"default_tlp,omitempty"`   // the level of objects without a marking
	MaxPAP         stix.PAP `json:"max_pap,omitempty"`       // the most restrictive PAP marking taken; none: any
	RequireMarking bool     `json:"require_marking,omitempty"`
	Warnings       string   `json:"warnings,omitempty"`        // WarningsAccept (default) or WarningsReject
	CreatedBy      string   `json:"created_by,omitempty"`      // CreatedByAny (default) or CreatedByParty
	FutureModified string   `json:"future_modified,omitempty"` // FutureReject (default) or FutureWarn
	Versions       string   `json:"versions,omitempty"`        // VersionsOwner (default) or VersionsAny
	Relay          bool     `json:"relay,omitempty"`           // parties may add what another party created
	Corrections    string   `json:"corrections,omitempty"`     // CorrectionsRefuse (default) or CorrectionsAccept

	Markings *Markings `json:"markings,omitempty"` // markings that are understood beside TLP; nil: statements
	Tolerate []string  `json:"tolerate,omitempty"` // rules that objects may break; see validate.Tolerable

	Consent Consent `json:"consent,omitempty"` // to what contributions consent that do not say; "": ConsentEveryone

	KeepRefusedDays int `json:"keep_refused_days,omitempty"` // how long refused objects are kept; 0: not at all
}

// Values of Members; the first is the default.
const (
	MembersConfidential = "confidential" // a party does not see the others
	MembersVisible      = "visible"
)

// Values of Origins; the first is the default.
const (
	OriginsHidden  = "hidden"  // where objects came from is not shown to those that receive them
	OriginsVisible = "visible" // a party may trace what it received to the entry it was taken from, here or on another server
)

// Values of Accept's choices; the first of each pair is the default.
const (
	WarningsAccept = "accept"
	WarningsReject = "reject" // an object with a warning is refused
	CreatedByAny   = "any"
	CreatedByParty = "party"  // created_by_ref must be the producing party's identity
	FutureReject   = "reject" // an object modified more than a day ahead is refused
	FutureWarn     = "warn"
	VersionsOwner  = "owner" // only its owner adds versions of an object
	VersionsAny    = "any"

	CorrectionsRefuse = "refuse"
	CorrectionsAccept = "accept" // the owner of a version may replace its text
)

// Release is a rule by which objects are released to another agreement.
type Release struct {
	To     Name     `json:"to"`
	MaxTLP stix.TLP `json:"max_tlp,omitempty"` // none: any
	Types  []string `json:"types,omitempty"`   // none: all

	MaxPAP   stix.PAP  `json:"max_pap,omitempty"`  // none: any
	Markings *Markings `json:"markings,omitempty"` // markings that are understood beside TLP; nil: statements

	References string `json:"references,omitempty"` // ReferencesWith (default) or ReferencesCut

	After     Span      `json:"after,omitempty"`     // how long a version stays, counted from its date_added
	NotBefore time.Time `json:"not_before,omitzero"` // nothing goes before
	Hold      string    `json:"hold,omitempty"`      // HoldApprove, HoldApprove2; "": no approval is needed
	Expire    *Expiry   `json:"expire,omitempty"`    // nil: nothing expires

	Where  *Where  `json:"where,omitempty"`  // nil: no conditions
	Change *Change `json:"change,omitempty"` // nil: objects go as they are

	Feedback *Feedback `json:"feedback,omitempty"` // nil: none comes back

	Key []byte `json:"-"` // hides To in documents; not a term
}

// Values of Release.References; the first is the default.
const (
	ReferencesWith = "with" // an object goes only with everything that it refers to
	ReferencesCut  = "cut"  // it goes without its references to what is not there
)

// Equal reports whether two releases are the same.
func (r Release) Equal(other Release) bool {
	r, other = r.canonical(), other.canonical()
	r.Key, other.Key = nil, nil
	return reflect.DeepEqual(r, other)
}

// canonical returns the release in the form that is kept; see [Agreement.Canonical].
func (r Release) canonical() Release {
	r.Types = sortedSet(r.Types)
	r.Markings = r.Markings.canonical()
	r.References = cmp.Or(r.References, ReferencesWith)
	r.NotBefore = canonicalTime(r.NotBefore)
	if r.Expire != nil {
		e := *r.Expire
		r.Expire = &e
	}
	r.Where, r.Change = r.Where.clone(), r.Change.clone()
	r.Feedback = r.Feedback.canonical()
	return r
}

// Cuts reports whether objects go without references to what is not in the target.
func (r Release) Cuts() bool { return r.References == ReferencesCut }

// Changes reports whether objects may be changed on the way.
func (r Release) Changes() bool {
	return r.Cuts() || r.Change != nil || r.Expire != nil && r.Expire.ValidUntil == ExpiryRevoke
}

// Retention limits what is kept. Zero values keep everything.
type Retention struct {
	Versions   int `json:"versions,omitempty"`     // newest versions of an object that are kept
	MaxAgeDays int `json:"max_age_days,omitempty"` // days since date_added
}

// Mark records a decision about an agreement.
type Mark struct {
	At     time.Time   `json:"at"`
	By     AccountName `json:"by,omitempty"` // hidden from parties
	Reason string      `json:"reason,omitempty"`

	// Withdraw is set by a termination that withdraws what was released onward.
	Withdraw bool `json:"withdraw,omitempty"`
}

// PublicParty is the party of callers without an account. No configured party can have its name.
const PublicParty PartyName = "(public)"

// MirrorParty is under whose name refused objects are kept that a mirror brought. No configured party can have its name.
const MirrorParty PartyName = "(mirror)"

// Member returns the membership of a party, if any. PublicParty is a consumer of every public agreement.
func (a *Agreement) Member(party PartyName) (Membership, bool) {
	if party == PublicParty {
		return Membership{Party: PublicParty, Roles: []Role{Consumer}}, a.Public
	}
	i := slices.IndexFunc(a.Parties, func(m Membership) bool { return m.Party == party })
	if i < 0 || party == "" {
		return Membership{}, false
	}
	return a.Parties[i], true
}

// PartyOf returns the party that has declared an identity; "" for none.
// Identifiers are equal whatever the case of their UUIDs.
func (a *Agreement) PartyOf(identity stix.ID) PartyName {
	if identity == "" {
		return ""
	}
	for i := range a.Parties {
		if m := &a.Parties[i]; m.Identity != "" && strings.EqualFold(string(m.Identity), string(identity)) {
			return m.Party
		}
	}
	return ""
}

// Clone returns a copy that shares no memory with a.
func (a *Agreement) Clone() *Agreement {
	c := *a
	c.Parties = slices.Clone(a.Parties)
	for i := range c.Parties {
		c.Parties[i].Roles = slices.Clone(c.Parties[i].Roles)
	}
	c.Feedback, c.Wording = slices.Clone(a.Feedback), a.Wording.clone()
	c.Accept.Types = slices.Clone(a.Accept.Types)
	c.Accept.SpecVersions = slices.Clone(a.Accept.SpecVersions)
	c.Accept.Markings = a.Accept.Markings.clone()
	c.Accept.Tolerate = slices.Clone(a.Accept.Tolerate)
	c.Release = slices.Clone(a.Release)
	for i := range c.Release {
		c.Release[i].Types = slices.Clone(c.Release[i].Types)
		c.Release[i].Markings = c.Release[i].Markings.clone()
		if e := c.Release[i].Expire; e != nil {
			e := *e
			c.Release[i].Expire = &e
		}
		c.Release[i].Where, c.Release[i].Change = c.Release[i].Where.clone(), c.Release[i].Change.clone()
		c.Release[i].Feedback = c.Release[i].Feedback.clone()
	}
	if a.Mirror != nil {
		m := *a.Mirror
		m.Types, m.Remote = slices.Clone(m.Types), *m.Remote.clone()
		c.Mirror = &m
	}
	if a.Push != nil {
		c.Push = &Push{*a.Push.Remote.clone()}
	}
	c.Suspended, c.Terminated = a.Suspended.clone(), a.Terminated.clone()
	return &c
}

func (m *Mark) clone() *Mark {
	if m == nil {
		return nil
	}
	c := *m
	return &c
}
