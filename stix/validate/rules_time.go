package validate

import "time"

// timestampRules lists the rules on the form of single timestamps.
var timestampRules = []Rule{
	seen("S-023", must, layerSchema, "2.16", "A timestamp has the form YYYY-MM-DDTHH:mm:ss[.s+]Z: UTC, upper-case T and Z, no empty fraction."),
	{ID: "S-024", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.16",
		Summary: "A timestamp names a date and a time of day that exist.", on: kindTimestamp, value: existingTime},
	{ID: "S-025", Level: must, Severity: Error, Layer: layerSemantic, Section: "3.2",
		Summary: "created and modified have three fraction digits or more (a marking definition: a warning).", value: milliseconds},
	{ID: "S-157", Level: must, Severity: Error, Layer: layerSemantic, Section: "6.7.6",
		Summary: "time_date_stamp of a Windows PE binary has whole seconds.", value: wholeSeconds},
}

// orderRules lists the rules on two timestamps of one object.
var orderRules = []Rule{
	{ID: "S-051", Level: must, Severity: Error, Layer: layerSemantic, Section: "3.2, 3.6.1",
		Summary: "modified is not earlier than created; by less than a millisecond: a warning.",
		object:  modifiedInOrder},
	{ID: "S-101", Level: must, Severity: Error, Layer: layerSemantic, Section: "4.2, 4.8, 4.9, 4.11, 4.14, 4.17, 5.2",
		Summary: "last_seen is not earlier than first_seen, last_observed not earlier than first_observed.",
		types:   "campaign infrastructure intrusion-set malware threat-actor sighting observed-data",
		object: func(s *subject) {
			s.inOrder(pFirstSeen, pLastSeen, true)
			s.inOrder(pFirstObserved, pLastObserved, true)
		}},
	{ID: "S-102", Level: must, Severity: Error, Layer: layerSemantic, Section: "4.7.1",
		Summary: "valid_until of an indicator is later than valid_from.", types: "indicator",
		object: func(s *subject) { s.inOrder(pValidFrom, pValidUntil, false) }},
	{ID: "S-103", Level: must, Severity: Error, Layer: layerSemantic, Section: "5.1.2",
		Summary: "stop_time of a relationship is later than start_time; the same: a warning.", types: "relationship",
		object: relationshipInOrder},
	{ID: "S-104", Level: must, Severity: Error, Layer: layerSemantic, Section: "6.12.1",
		Summary: "end of network traffic is not earlier than start.", types: "network-traffic",
		object: func(s *subject) { s.inOrder(pStart, pEnd, true) }},
}

var (
	pCreated       = prop("created")
	pModified      = prop("modified")
	pFirstSeen     = prop("first_seen")
	pLastSeen      = prop("last_seen")
	pFirstObserved = prop("first_observed")
	pLastObserved  = prop("last_observed")
	pValidFrom     = prop("valid_from")
	pValidUntil    = prop("valid_until")
	pStartTime     = prop("start_time")
	pStopTime      = prop("stop_time")
	pStart         = prop("start")
	pEnd           = prop("end")
)

func existingTime(s *subject, _ *property, node int) {
	b := s.str(node)
	if !timestampForm(b) {
		return // S-023
	}
	switch realTime(b) {
	case noDate:
		s.report(node, "%s names a date that does not exist", s.show(node))
	case noTime:
		s.report(node, "%s names a time of day that does not exist; expected 00:00:00 to 23:59:59", s.show(node))
	case noLeap:
		s.warn(node, "%s has second 60, which exists only as a leap second at 23:59:60", s.show(node))
	}
}

func milliseconds(s *subject, _ *property, node int) {
	b := s.str(node)
	if !timestampForm(b) || len(fraction(b)) >= 3 {
		return
	}
	const message = "%s has %d fraction digits, expected three or more: %s.%sZ is the same instant"
	padded := append(append([]byte(nil), fraction(b)...), "000"[len(fraction(b)):]...)
	if s.typ == "marking-definition" || s.legacy {
		s.warn(node, message, s.show(node), len(fraction(b)), b[:19], padded)
		return
	}
	s.report(node, message, s.show(node), len(fraction(b)), b[:19], padded)
}

func wholeSeconds(s *subject, _ *property, node int) {
	if b := s.str(node); timestampForm(b) && len(fraction(b)) > 0 {
		s.report(node, "%s has a fraction, expected whole seconds: %sZ", s.show(node), b[:19])
	}
}

// modifiedInOrder only warns if the two instants differ because a program truncated one of them to milliseconds.
func modifiedInOrder(s *subject) {
	if s.timesOf(pCreated, pModified) <= 0 {
		return
	}
	if s.instant(pCreated).Time().Sub(s.instant(pModified).Time()) < time.Millisecond {
		s.warn(s.get(pModified), "modified is %s, less than a millisecond earlier than created, which is %s; write both with the same precision",
			s.show(s.get(pModified)), s.show(s.get(pCreated)))
		return
	}
	s.inOrder(pCreated, pModified, true)
}

// relationshipInOrder only warns if both ends are the same instant.
func relationshipInOrder(s *subject) {
	if s.has(pStartTime) && s.has(pStopTime) && s.timesOf(pStartTime, pStopTime) == 0 {
		s.warn(s.get(pStopTime), "stop_time is %s, the same as start_time; it must be later, or be left out", s.show(s.get(pStopTime)))
		return
	}
	s.inOrder(pStartTime, pStopTime, false)
}

// timesOf compares two timestamps of the object. It also returns -1 if one is missing or malformed.
func (s *subject) timesOf(first, last nameID) int {
	a, b := s.str(s.get(first)), s.str(s.get(last))
	if !timestampForm(a) || !timestampForm(b) {
		return -1
	}
	return compareTimes(a, b)
}

// inOrder reports the second of two timestamps if it is earlier than the first, or equal and that is not allowed.
func (s *subject) inOrder(first, last nameID, equal bool) {
	from, until := s.get(first), s.get(last)
	if from < 0 || until < 0 {
		return
	}
	a, b := s.str(from), s.str(until)
	if !timestampForm(a) || !timestampForm(b) {
		return
	}
	switch c := compareTimes(a, b); {
	case c > 0:
		s.report(until, "%s is %s, earlier than %s, which is %s; it must be later%s",
			s.nameOf(until), s.show(until), s.nameOf(from), s.show(from), orEqual(equal))
	case c == 0 && !equal:
		s.report(until, "%s is %s, the same as %s; it must be later", s.nameOf(until), s.show(until), s.nameOf(from))
	}
}

func orEqual(equal bool) string {
	if equal {
		return " or equal"
	}
	return ""
}
