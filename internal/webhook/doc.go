// Package webhook tells receivers that an agreement has changed: a signed message (Standard Webhooks 1.0) for each batch that
// was committed, as a range of positions with the signed head. A message has no object in it and no identifier: the receiver
// asks for what it may read.
//
// A webhook reads the journal and keeps in the agreement's file how far it has come. A message is kept before it is sent for
// the first time and until it was taken: so each is sent at least once, under one id, in order. Whether the owner may read is
// judged again at each sending.
//
// It does not decide who may make a webhook: that is internal/admin's. Start reading at [Service.Run]; client.go has what a
// receiver's address may be.
package webhook
