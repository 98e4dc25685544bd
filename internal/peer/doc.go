// Package peer keeps what other servers have signed of their journals: with each mirror, the heads of the journal that it follows
// and, on the other side, the heads of the journals into which mirrors elsewhere bring what is shared here. Each head is kept with
// the proof that it continues the one before, so that a server that shows another history than before can be convicted of it by its
// own signatures.
//
// What is kept lies in the file of the agreement, as state beside the journal. A contradiction is noted with both heads and stops
// nothing: objects are judged by the terms, whatever their server signs. An operator may accept one, such as after the other side
// restored a backup.
//
// It sends nothing: package mirror asks the other servers, and package audit verifies. Start reading at [Observe].
package peer
