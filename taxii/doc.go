// Package taxii holds what both sides of TAXII 2.1 (OASIS Standard, 10 June 2021) share: the resources as they stand on
// the wire, content negotiation, the filters of a request and the cursors that page through an answer, the splitting of
// an envelope into its objects, and a client.
//
// It knows nothing of storage, accounts or agreements, imports nothing else of this project, and never decodes a STIX
// object: objects pass through it as the bytes that were sent. It also decides no status code but names the reason: a
// [*NotAcceptableError] is a 406, an [*UnsupportedMediaError] a 415, a [*ParameterError] a 400, a [*SplitError] a 422.
//
// Where the Standard's sections are:
//
//	1.6.8, 3.1  media types, Accept, Content-Type   MediaType, Negotiate, CheckContentType
//	2           timestamp                           TimeFormat, FormatTime, AppendTime, ParseTime
//	3.2         X-TAXII-Date-Added-First, -Last     HeaderFirst, HeaderLast
//	3.4         filtering                           ParseFilter, Filter, VersionFilter
//	3.5         sorting and pagination              Filter.Resolve, Filter.Cursor, Cursor, ParseCursor
//	3.6         error                               Error
//	3.7         envelope                            Envelope, SplitEnvelope
//	4.1         GET  /taxii2/                                              Discovery, Client.Discovery
//	4.2         GET  /{root}/                                              APIRoot, Client.Root
//	4.3         GET  /{root}/status/{status}/                              Status, Client.Status
//	5.1         GET  /{root}/collections/                                  Collections, Client.Collections
//	5.2         GET  /{root}/collections/{collection}/                     Collection, Client.Collection
//	5.3         GET  /{root}/collections/{collection}/manifest/            Manifest, Client.Manifest
//	5.4         GET  /{root}/collections/{collection}/objects/             Envelope, Client.Objects
//	5.5         POST /{root}/collections/{collection}/objects/             SplitEnvelope, Status, Client.AddObjects
//	5.6         GET  /{root}/collections/{collection}/objects/{object}/    Envelope, Client.Object
//	5.7         DELETE /{root}/collections/{collection}/objects/{object}/  Client.Delete
//	5.8         GET  /{root}/collections/{collection}/objects/{object}/versions/  Versions, Client.Versions
//
// A server starts reading at [ParseFilter] and [SplitEnvelope], a client at [NewClient].
package taxii
