// Package serve is the running server: it opens a data folder, wires the packages that serve it, and starts and stops them
// in order.
//
// It decides no request and keeps no data: package taxii/server answers TAXII, internal/admin what lies beyond, and the
// store keeps both. It reads no flags: package main turns them into a [Config].
//
// Start reading at [Run] and the list of parts in serve.go.
package serve
