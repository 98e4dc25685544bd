package admin

// ReportControl says which part of a report bears on which provision. It is a help for finding, not a statement of conformity.
type ReportControl struct {
	Source    string `json:"source"`
	Provision string `json:"provision"`
	Sections  string `json:"sections"` // of the report
}

var reportControls = []ReportControl{
	{"NIS2, Directive (EU) 2022/2555", "Article 29(1) and (2): information is exchanged within a community of entities, by means of an arrangement that respects its sensitivity", "Parties; Terms; Shared; Released and withheld"},
	{"NIS2, Directive (EU) 2022/2555", "Article 29(3): the arrangement's content and conditions, platform and tools", "Terms; How to verify"},
	{"NIS2, Directive (EU) 2022/2555", "Article 29(4): entities notify when they enter an arrangement or withdraw from it", "Terms (joined, left)"},
	{"DORA, Regulation (EU) 2022/2554", "Article 45(1): exchange within trusted communities, by arrangements that protect sensitive information and are governed by rules of conduct", "Parties; Terms; Released and withheld; Withdrawals"},
	{"DORA, Regulation (EU) 2022/2554", "Article 45(2): conditions for participation and operational elements", "Parties; Terms"},
	{"DORA, Regulation (EU) 2022/2554", "Article 45(3): notification of participation and of its end", "Terms (joined, left)"},
	{"ISO/IEC 27010", "Sharing agreements and the responsibilities of the members of a community", "Parties; Terms"},
	{"ISO/IEC 27010", "Dissemination according to the originator's marking, and onward release", "Shared; Released and withheld; Received"},
	{"ISO/IEC 27010", "Records of exchanges, their protection and their audit", "Received; Withdrawals; Incidents; How to verify"},
}
