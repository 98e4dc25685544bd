// Package server is TAXII 2.1 over HTTP: discovery, API roots, collections, objects, manifests, versions and statuses,
// each for the caller who asks.
//
// Checks come in the order of requirement T-029: who is calling (401), the method (405), the Accept header (406), whether
// the resource exists for this caller (404), whether the caller may (403), and only then the request itself (415, 413,
// 400, 422). One function, refuse, turns every error into a TAXII error resource.
//
// The package does not decide who may do what (package agreement), does not look into objects (package ingest) and keeps
// nothing (package store): it turns requests into their questions, and their answers into TAXII.
//
// Start reading at [Server] and its route table; [Config] is the manual of what can be set.
package server
