// Package server is TAXII 2.1 over HTTP: discovery, API roots, collections, objects, manifests, versions and statuses,
// each for the caller who asks.
//
// A request passes one line of checks, in the order that the requirement T-029 names: who is calling (401), the method
// (405), what is accepted (406), whether the thing exists for this caller (404), whether the caller may (403), and only
// then what was sent (415, 413, 400, 422). Every refusal leaves through one door, as a TAXII error resource.
//
// It refuses to decide who may do what (package agreement), to look into objects (package ingest) and to keep anything
// (package store): it turns requests into their questions, and their answers into TAXII.
//
// Start reading at [Server] and its route table; [Config] is the manual of what can be set.
package server
