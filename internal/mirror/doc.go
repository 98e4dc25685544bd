// Package mirror has agreements follow collections of other servers: what is added there is judged by the agreement's terms and
// added here, with the mirror as its owner. How far a mirror has come is kept in the transaction of what it brought, so that a
// crash at any instant loses nothing and doubles nothing.
//
// Other servers answer in many ways that the Standard does not know. What can be understood is; everything else is a [Fault] with
// a name that is counted, after which the mirror goes on from where it was. A server that does not answer takes nothing back.
//
// It does not decide what may come in: the terms do, in internal/agreement, by way of internal/ingest. Start reading at
// [Manager.Run]; visit.go has one visit to a remote collection, gone.go what it no longer has.
package mirror
