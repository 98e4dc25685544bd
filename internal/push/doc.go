// Package push passes what agreements hold on to collections of other servers. An agreement with terms of its own for that, an
// outbox, is the target of a release like any other: what may leave is decided there, in internal/follow. This package follows
// the outbox's journal and does the same at the remote collection: what was added is posted, what was withdrawn is deleted or, where
// the remote server does not delete, revoked.
//
// How far it has come is kept in the outbox's file with what became of each version. A crash between posting and keeping posts
// again: a version that is there already is a success, or is found in the manifest. Each posting is noted as a delivery before the
// first byte.
//
// Start reading at [Manager.Run]; send.go has one envelope, withdraw.go one withdrawal.
package push
