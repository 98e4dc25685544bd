package demo

// Words for names. All are invented or everyday words; a combination that matches a real name is a coincidence.

var groupFirst = []string{"Ashen", "Brackish", "Copperline", "Drifting", "Fallow", "Gilded", "Hollow", "Inkwell", "Juniper",
	"Kiln", "Lantern", "Marbled", "Nettle", "Ochre", "Paper", "Quarry", "Russet", "Saltmarsh", "Tallow", "Umber", "Velvet",
	"Wicker", "Yarrow", "Zinc"}

var groupSecond = []string{"Heron", "Badger", "Stoat", "Cormorant", "Plover", "Marten", "Curlew", "Ibex", "Gannet", "Vole",
	"Sandpiper", "Jackdaw", "Dormouse", "Bittern", "Weasel", "Newt", "Lapwing", "Gudgeon"}

var operationWords = []string{"Slow Tide", "Glass Orchard", "Borrowed Key", "Night Ferry", "Cold Ledger", "Second Harvest",
	"Paper Lantern", "Quiet Carriage", "Open Sluice", "Empty Chair", "Long Division", "Winter Pasture", "Broken Quay",
	"Silent Partner", "Late Edition", "Tin Whistle", "Spare Room", "Low Bridge"}

var malwareStems = []string{"Husk", "Murk", "Pith", "Rime", "Tarn", "Vane", "Weft", "Brine", "Cairn", "Gorse", "Sedge",
	"Flint", "Loam", "Mire", "Thorn", "Wold", "Skein", "Burr", "Cinder", "Dross"}

// malwareKinds are the endings of malware names, with type and capabilities.
var malwareKinds = []struct {
	ending, kind string
	capabilities []string
	does         string
}{
	{"Loader", "downloader", []string{"installs-other-components", "communicates-with-c2", "fingerprints-host"}, "fetches and starts further stages once it has looked at the machine it landed on"},
	{"Door", "backdoor", []string{"communicates-with-c2", "controls-local-machine", "persists-after-system-reboot"}, "keeps a way in open and runs what its operators send"},
	{"Lock", "ransomware", []string{"compromises-data-availability", "prevents-artifact-access", "escalates-privileges"}, "encrypts shared folders and leaves a note with a contact address"},
	{"Thief", "spyware", []string{"steals-authentication-credentials", "exfiltrates-data", "captures-system-state-data"}, "collects stored passwords and browser sessions and sends them out in small pieces"},
	{"Grip", "remote-access-trojan", []string{"controls-local-machine", "captures-input-peripherals", "captures-output-peripherals"}, "gives its operators screen, keyboard and files of the machine"},
	{"Scrub", "wiper", []string{"compromises-data-integrity", "violates-system-operational-integrity"}, "overwrites the first blocks of every disk that it can open"},
	{"Leaf", "webshell", []string{"controls-local-machine", "accesses-remote-machines"}, "waits in a web server's folder for requests that carry its key"},
}

var toolStems = []string{"Netcoil", "Dirpeek", "Passgrain", "Hostlist", "Portwalk", "Tunnelfish", "Dumpling", "Sharewright"}

var toolKinds = []string{"remote-access", "information-gathering", "credential-exploitation", "information-gathering",
	"vulnerability-scanning", "remote-access", "credential-exploitation", "network-capture"}

// techniques are attack techniques under their MITRE ATT&CK numbers, described in our words.
var techniques = []struct{ id, name, phase, how string }{
	{"T1566.001", "Spearphishing Attachment", "initial-access", "A message to a chosen person carries a document that runs code when it is opened."},
	{"T1190", "Exploit Public-Facing Application", "initial-access", "A fault in a service that faces the internet is used to get in."},
	{"T1133", "External Remote Services", "initial-access", "Remote access meant for staff is used with accounts that were obtained elsewhere."},
	{"T1078", "Valid Accounts", "initial-access", "Working accounts are used, so that nothing looks broken."},
	{"T1195.002", "Compromise Software Supply Chain", "initial-access", "Software is changed before it reaches those who install it."},
	{"T1059.001", "PowerShell", "execution", "Commands are run through the shell that the system brings along."},
	{"T1569.002", "Service Execution", "execution", "A service is created or changed so that it starts the payload."},
	{"T1547.001", "Registry Run Keys / Startup Folder", "persistence", "An entry in the registry starts the payload at each logon."},
	{"T1027", "Obfuscated Files or Information", "defense-evasion", "Payloads are encoded or packed to get past scanners."},
	{"T1218.011", "Rundll32", "defense-evasion", "A trusted system program is made to load a hostile library."},
	{"T1562.001", "Disable or Modify Tools", "defense-evasion", "Protection on the machine is switched off or blinded."},
	{"T1003.001", "LSASS Memory", "credential-access", "Secrets are read out of the memory of the logon process."},
	{"T1110.003", "Password Spraying", "credential-access", "A few common passwords are tried on many accounts."},
	{"T1555.003", "Credentials from Web Browsers", "credential-access", "Passwords that browsers keep are read out."},
	{"T1021.001", "Remote Desktop Protocol", "lateral-movement", "Stolen accounts log on to further machines with a desktop session."},
	{"T1071.001", "Web Protocols", "command-and-control", "Control traffic hides among ordinary web requests."},
	{"T1105", "Ingress Tool Transfer", "command-and-control", "Further tools are brought in from outside."},
	{"T1048", "Exfiltration Over Alternative Protocol", "exfiltration", "Data leaves by another protocol than control traffic uses."},
	{"T1567.002", "Exfiltration to Cloud Storage", "exfiltration", "Data is copied to a storage service that many people use."},
	{"T1486", "Data Encrypted for Impact", "impact", "Files are encrypted so that their owners can't work."},
}

var countries = []struct {
	name, code, region  string
	latitude, longitude float64
}{
	{"Norway", "NO", "northern-europe", 60.5, 8.5}, {"Portugal", "PT", "southern-europe", 39.4, -8.2},
	{"Austria", "AT", "western-europe", 47.5, 14.6}, {"Poland", "PL", "eastern-europe", 51.9, 19.1},
	{"Kenya", "KE", "eastern-africa", -0.02, 37.9}, {"Chile", "CL", "south-america", -35.7, -71.5},
	{"Canada", "CA", "northern-america", 56.1, -106.3}, {"Japan", "JP", "eastern-asia", 36.2, 138.3},
	{"Thailand", "TH", "south-eastern-asia", 15.9, 101.0}, {"New Zealand", "NZ", "australia-new-zealand", -40.9, 174.9},
}

var sectors = []string{"energy", "financial-services", "government-national", "healthcare", "manufacturing",
	"telecommunications", "transportation", "water", "education", "retail"}

// authors create the objects, one per seed.
var authors = []string{"Halden Watch", "Meridian Analysis Office", "Tidewater Response Team", "Northgate Research"}

// victims are attacked or impersonated organisations; their names are also their domains.
var victims = []string{"fernlight", "oakmere-energy", "brindle-bank", "harrowgate-hospital", "saltwick-port", "longmoor-rail",
	"tarnwater", "ashcombe-college", "greyfell-telecom", "millrace-retail"}

var providers = []string{"Lindqvist Hosting", "Bluefen Networks", "Castor Colocation", "Driftwood Cloud", "Eastlea Transit",
	"Farrier Datacenters", "Goldcrest Online", "Hartsmere ISP"}

var products = []struct{ vendor, name, version string }{
	{"fernlight", "mail gateway", "4.2.1"}, {"fernlight", "file exchange", "9.0.3"}, {"quillon", "vpn concentrator", "12.1"},
	{"quillon", "remote desk", "7.4.0"}, {"stavely", "print manager", "3.3.8"}, {"orrin", "backup server", "11.5.2"},
	{"orrin", "ticket desk", "2.17"}, {"tessel", "plant historian", "6.0.12"},
}

var faults = []string{"a path in the upload form is not checked, which lets anyone write files outside the folder",
	"the login page takes a forged session token", "a length in the handshake is believed without a look at the buffer",
	"the report export passes its file name to a shell", "objects of any class are read back from a cookie"}

var domainWords = []string{"update", "portal", "account", "invoice", "cdn", "static", "mailbox", "verify", "document", "support",
	"billing", "cloud", "secure", "sync", "download", "intranet", "payroll", "parcel"}

var domainEnds = []string{"center", "service", "gate", "online", "desk", "files", "check", "net", "hub", "point"}

var hostWords = []string{"www", "login", "mail", "api", "cdn", "vpn", "files", "m"}

var pathWords = []string{"assets", "wp-content", "update", "download", "share", "api/v2", "images", "invoice"}

var fileStems = []string{"invoice", "statement", "setup", "svcupdate", "report-q3", "helper", "winmgr", "viewer", "driver-patch", "minutes"}

var fileEnds = []string{".exe", ".dll", ".docm", ".js", ".lnk", ".iso"}

var displayNames = []string{"Accounts Payable", "IT Service Desk", "Parcel Notice", "HR Team", "Meeting Room", "Scanner"}

var mailboxes = []string{"office", "accounts", "reception", "it", "procurement", "board"}

var subjects = []string{"Overdue invoice", "Your parcel could not be delivered", "Minutes of the last meeting",
	"Password expires today", "Updated travel rules", "Scan from the second floor", "Order confirmation", "New payroll portal"}

var motives = []string{"organizational-gain", "personal-gain", "dominance", "ideology"}

var goals = []string{"Standing access to industrial networks", "Payment for stolen or encrypted data", "Tender documents before they are published",
	"Credentials that can be sold on", "A foothold at suppliers of larger targets"}
