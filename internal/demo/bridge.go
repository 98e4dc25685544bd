package demo

import "fmt"

// NationalName is the agreement of the demo that mirrors what the members receive, and InboxName the one that it pushes to.
const (
	NationalName = "national"
	InboxName    = "inbox"
	inboxID      = "c81f5e2d-7b60-4d19-a3f4-52e9d0c7b618"
)

// Bridge returns the apply file of what other servers would have: a member state follows what it receives, and passes a part of it
// on. Both the remote collections are those of this server, at a URL without a path.
func Bridge(url string) []byte { return fmt.Appendf(nil, bridge, url, MembersID, url, inboxID) }

const bridge = `# A member state's own server, played by this one: it mirrors members, and pushes campaigns and malware to another's inbox.
agreements:
  - name: ` + InboxName + `
    title: One member state to another
    description: What a member state pushes on
    api_root: allies
    collection: {id: ` + inboxID + `, alias: ` + InboxName + `}
    parties:
      - {party: member, roles: [producer, consumer]}
      - {party: partner, roles: [consumer]}
    accept: {max_tlp: green, default_tlp: green}
  - name: ` + NationalName + `
    title: A member state's copy
    description: Mirrors members, as the server of a member state would
    api_root: allies
    parties:
      - {party: member, roles: [consumer, auditor]}
    mirror: {url: "%s/allies/collections/%s/", user: member, password_env: DEMO_MEMBER, interval: 5s, gone: withdraw}
    release:
      - {to: {url: "%s/allies/collections/%s/", user: member, password_env: DEMO_MEMBER}, types: [campaign, malware], references: cut}
`
