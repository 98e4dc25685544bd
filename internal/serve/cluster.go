package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/cluster"
	"github.com/accord-taxii/accord/internal/console"
	"github.com/accord-taxii/accord/store"
)

// Cluster says how the server takes part in a cluster; without Listen it is alone.
type Cluster struct {
	Listen  string // HOST:PORT for the other nodes
	Address string // HOST:PORT where they find this one; "": Listen

	MaxStaleness       time.Duration
	MaxClockDifference time.Duration
	LogKeep            time.Duration
	LogKeepBytes       int64

	Version string // of the program, in a word

	fetched <-chan struct{} // for tests: see srv.fetched
}

// Defaults of Cluster.
const (
	DefaultMaxStaleness       = 15 * time.Second
	DefaultMaxClockDifference = time.Second
	DefaultLogKeep            = 24 * time.Hour
	DefaultLogKeepBytes       = 20 << 30
)

func (c *Cluster) check() error {
	if c.Listen == "" {
		if c.Address != "" {
			return &ConfigError{"--cluster-address is given without --cluster-listen", "give both, or neither"}
		}
		return nil
	}
	if c.Address == "" {
		c.Address = c.Listen
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return &ConfigError{fmt.Sprintf("--cluster-listen %q is not HOST:PORT", c.Listen), ""}
	}
	host, _, err := net.SplitHostPort(c.Address)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		return &ConfigError{fmt.Sprintf("the other nodes of the cluster cannot find this one at %q", c.Address), "--cluster-address HOST:PORT says where they do"}
	}
	if c.MaxStaleness < 2*time.Second || c.MaxClockDifference <= 0 || c.LogKeep <= 0 || c.LogKeepBytes <= 0 {
		return &ConfigError{"--max-staleness is less than 2s, or another bound of the cluster is not positive", ""}
	}
	return nil
}

// openNode opens the log of the node that the data folder is, if it is one.
func (s *srv) openNode() error {
	dir, c := s.config.DataDir, s.config.Cluster
	in, err := cluster.In(dir)
	switch {
	case err != nil:
		return err
	case in && c.Listen == "":
		return &ConfigError{fmt.Sprintf("the data folder %s belongs to a cluster", dir), "start it with --cluster-listen HOST:PORT; accord cluster leave takes it out of the cluster"}
	case !in && c.Listen != "":
		return &ConfigError{fmt.Sprintf("the data folder %s is in no cluster", dir), "accord cluster init makes it the first node of one, accord cluster join a further node; or leave out --cluster-listen"}
	case !in:
		return nil
	}
	s.node, err = cluster.Open(cluster.Config{
		Dir: dir, Address: c.Address, Version: c.Version, Format: store.MessageFormat,
		MaxStaleness: c.MaxStaleness, MaxClockDifference: c.MaxClockDifference, Keep: cluster.Keep{For: c.LogKeep, Bytes: c.LogKeepBytes},
		Now: s.config.Now, Warn: func(text string) { s.config.Log.Warn().Str("part", "cluster").Msg(text) },
	})
	return err
}

// startNode lets the node take part in its cluster.
func (s *srv) startNode(ctx context.Context) (stop, error) {
	if s.node == nil {
		return nil, nil
	}
	l, err := net.Listen("tcp", s.config.Cluster.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for the other nodes: %w", err), s.node.Close())
	}
	if err := s.node.Start(cluster.Folder{Store: s.store}, l); err != nil {
		return nil, err
	}
	s.fetched = s.node.Fetched()
	s.config.Log.Info().Str("node", s.node.Name()).Str("cluster", s.node.ClusterID()).Str("address", s.config.Cluster.Address).Msg("node of a cluster")
	return func(context.Context) error { return s.node.Close() }, nil
}

// options are those of the store.
func (s *srv) storeOptions() store.Options {
	o := store.Options{Now: s.config.Now, Failed: func(err error) {
		s.config.Log.Error().Err(err).Msg("deleted text could not be overwritten")
	}}
	if s.node != nil {
		o.Log, o.Cluster, o.Node = s.node, s.node.ClusterID(), s.node.Name()
		o.Settle, o.Damaged, o.Succeed = s.node.Settle, s.node.Damaged, s.node.RotateKey
		o.HeadDiffers = func(d store.HeadDifference) { s.node.Differs(d.Collection, d.Entries) }
	}
	return o
}

// clusterPatience is how long a start waits for the cluster before it changes anything by itself.
const clusterPatience = time.Minute

// awaitWrites returns when this server takes writes: at once if it is alone.
func (s *srv) awaitWrites(ctx context.Context) error {
	if s.node == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	for {
		err := s.node.Writable()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-s.fetched:
			return errFetched
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// leads reports whether this server does what one server does for all.
func (s *srv) leads() bool {
	if s.node == nil {
		return true
	}
	leads, _ := s.node.Leads()
	return leads
}

// byTurns runs do in the background; in a cluster only while this node leads.
func (s *srv) byTurns(do func(context.Context)) stop {
	if s.node == nil {
		return s.background(do)
	}
	return s.background(func(ctx context.Context) { s.node.WhileLeading(ctx, do) })
}

// alignIdentities does what a single server does when it opens its folder.
func (s *srv) alignIdentities(context.Context) (stop, error) {
	if s.node == nil {
		return nil, nil
	}
	return s.byTurns(func(ctx context.Context) {
		if err := s.store.AlignIdentities(ctx); err != nil && ctx.Err() == nil {
			s.config.Log.Warn().Err(err).Msg("identities of parties could not be put in force")
		}
	}), nil
}

// notReadable says why the cluster keeps this server from answering; nil: nothing does.
func (s *srv) notReadable() error {
	if s.node == nil {
		return nil
	}
	return s.node.Readable()
}

// closedHere counts agreements that are closed on this node.
func (s *srv) closedHere() int {
	if s.node == nil {
		return 0
	}
	return len(s.store.Unavailable())
}

// clusterServers says how the nodes are, for the console; nil: the server is alone.
func (s *srv) clusterServers() func(context.Context) console.Servers {
	if s.node == nil {
		return nil
	}
	return func(ctx context.Context) console.Servers {
		st := s.node.AskStatus(ctx)
		v := console.Servers{Cluster: st.Cluster, Node: st.Node, Leader: st.Leader, Committed: st.Committed, Applied: st.Applied, Writes: st.Writes, Log: uint64(st.LogBytes)}
		for _, m := range st.Members {
			v.Nodes = append(v.Nodes, console.ServerNode{Name: m.Name, Address: m.Address, Role: m.RoleText(), Leads: m.Leads, Place: m.Place, Behind: m.Behind,
				Heard: m.Last, Clock: m.Clock, Version: m.Version, Certificate: m.Ends, Wrong: m.Wrong})
		}
		heads, silent := s.node.Heads(ctx)
		v.Silent = silent
		for _, h := range heads {
			if len(h.Differs)+len(h.Closed) == 0 {
				v.Same++
				continue
			}
			row := console.ServerHead{Collection: h.Collection.String(), Entries: h.Entries, Differs: h.Differs, Closed: h.Closed}
			if col, ok := s.store.CollectionOf(h.Collection); ok {
				row.Agreement = string(col.Agreement().Name)
			}
			v.Heads = append(v.Heads, row)
		}
		for _, u := range s.store.Unavailable() {
			v.Heads = append(v.Heads, console.ServerHead{Agreement: string(u.Name), Collection: u.Collection.String(), Closed: []string{st.Node}})
		}
		return v
	}
}

// clusterMetrics collects how the cluster is.
type clusterMetrics struct{ node *cluster.Node }

var (
	clusterLeaderDesc  = prometheus.NewDesc("accord_cluster_leader", "1 if this node leads the cluster.", nil, nil)
	clusterLedDesc     = prometheus.NewDesc("accord_cluster_led", "1 if this node knows a leader.", nil, nil)
	clusterPlaceDesc   = prometheus.NewDesc("accord_cluster_place", "How far the log is.", []string{"at"}, nil)
	clusterBehindDesc  = prometheus.NewDesc("accord_cluster_behind_seconds", "For how long something has been committed that the files of this node do not have.", nil, nil)
	clusterMembersDesc = prometheus.NewDesc("accord_cluster_members", "Members by role.", []string{"role"}, nil)
	clusterClockDesc   = prometheus.NewDesc("accord_cluster_clock_difference_seconds", "How far the clock of this node is ahead of those of most voters.", nil, nil)
	clusterSentDesc    = prometheus.NewDesc("accord_cluster_proposals_total", "Messages that this node proposed, by outcome.", []string{"outcome"}, nil)
	clusterClosedDesc  = prometheus.NewDesc("accord_cluster_diverged", "Agreements whose files differ from those of most nodes and are not served here.", nil, nil)
	clusterLogDesc     = prometheus.NewDesc("accord_cluster_log_bytes", "Bytes of the entries in this node's log.", nil, nil)
)

func (m clusterMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{clusterLeaderDesc, clusterLedDesc, clusterPlaceDesc, clusterBehindDesc, clusterMembersDesc, clusterClockDesc, clusterSentDesc, clusterClosedDesc, clusterLogDesc} {
		descs <- d
	}
}

func (m clusterMetrics) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	flag := func(d *prometheus.Desc, is bool) {
		if is {
			gauge(d, 1)
		} else {
			gauge(d, 0)
		}
	}
	st := m.node.Status()
	flag(clusterLeaderDesc, st.Leader == st.Node)
	flag(clusterLedDesc, st.Leader != "")
	gauge(clusterPlaceDesc, float64(st.Committed), "committed")
	gauge(clusterPlaceDesc, float64(st.Applied), "applied")
	gauge(clusterBehindDesc, st.Behind.Seconds())
	gauge(clusterClockDesc, st.Clock.Seconds())
	gauge(clusterClosedDesc, float64(len(st.Closed)))
	gauge(clusterLogDesc, float64(st.LogBytes))
	roles := map[string]int{"voter": 0, "reader": 0, "follower": 0, "joining": 0}
	for _, one := range st.Members {
		roles[one.Role]++
	}
	for role, n := range roles {
		gauge(clusterMembersDesc, float64(n), role)
	}
	counts := m.node.Counts()
	for outcome, n := range map[string]uint64{"committed": counts.Committed, "refused": counts.Refused, "unknown": counts.Unknown} {
		metrics <- prometheus.MustNewConstMetric(clusterSentDesc, prometheus.CounterValue, float64(n), outcome)
	}
}

var _ store.Log = (*cluster.Node)(nil)
