package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/accord-taxii/accord/internal/tlsconf"
)

// readObjects is how many objects of 1 kB the collection has that is read.
const readObjects = 10_000

// reads compares what readers ask for with bare handlers and with nginx, which send the same bytes.
func reads(ctx context.Context, j job) error {
	data := filepath.Join(j.scratch, "data")
	a, err := startAccord(ctx, j.bin, data)
	if err != nil {
		return err
	}
	defer func() { a.stop() }()
	s := j.report.begin("reads")
	if err := fill(ctx, a, 0, readObjects); err != nil {
		return err
	}
	real, err := j.fillReal(ctx, a, s)
	if err != nil {
		return err
	}
	asked, err := questions(ctx, a, readObjects, real)
	if err != nil {
		return err
	}
	files := filepath.Join(j.scratch, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		return err
	}
	for _, q := range asked {
		body, header, err := get(ctx, a.url+q.path)
		if err != nil {
			return err
		}
		if err := record(files, q.file, body, header); err != nil {
			return err
		}
	}
	if err := j.plainReads(ctx, s, a, asked, files); err != nil {
		return err
	}
	if err := j.filteredReads(ctx, s, a, asked[0]); err != nil {
		return err
	}
	if err := j.compressedReads(ctx, s, a, asked); err != nil {
		return err
	}
	if err := a.stop(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if err := j.secureReads(ctx, s, data, asked, files); err != nil {
		return err
	}
	s.end()
	return nil
}

// fillReal adds the real objects, where they are, and says so.
func (j *job) fillReal(ctx context.Context, a *accord, s *section) (held int, err error) {
	objects, err := realObjects(j.data)
	if err != nil {
		return 0, err
	}
	if len(objects) == 0 {
		s.say("Answers a second over 16 connections, of %s objects of 1 kB. There is no real data in %s.", count(readObjects), filepath.ToSlash(j.data))
		return 0, nil
	}
	held, rate, err := fillReal(ctx, a, objects)
	if err != nil {
		return 0, err
	}
	s.say("Answers a second over 16 connections. Real data: of %s objects of published bundles, sent by one client in envelopes of 100 at "+
		"%s objects a second, %s were taken; the others are there already or have another content under the same version. All other rows: %s objects of 1 kB.",
		count(float64(len(objects))), count(rate), count(float64(held)), count(readObjects))
	return held, nil
}

// wanted returns those questions that were asked for with -rows.
func (j *job) wanted(list []question) []question {
	var some []question
	for _, q := range list {
		if strings.Contains(q.name, j.rows) {
			some = append(some, q)
		}
	}
	return some
}

// plainReads compares over plain HTTP.
func (j *job) plainReads(ctx context.Context, s *section, a *accord, asked []question, files string) error {
	bare, err := startReference(ctx, kindNetHTTP, files, tlsconf.Files{})
	if err != nil {
		return err
	}
	defer bare.stop()
	echo, err := startReference(ctx, kindEcho, files, tlsconf.Files{})
	if err != nil {
		return err
	}
	defer echo.stop()
	nginx, err := j.nginx(ctx, "nginx", files, tlsconf.Files{})
	if err != nil {
		return err
	}
	defer nginx.stop()
	t := table{title: "Pages beside bare handlers and nginx", head: []string{"what", "bytes", "accord", "net/http", "echo", "nginx",
		"accord / net/http", "accord / echo", "of each turn", "accord / nginx", "of each turn", "accord's CPU", "net/http's", "echo's", "nginx's"}}
	for _, q := range j.wanted(both(asked)) {
		subjects := []subject{q.ask("accord", a), q.askReference("net/http", bare), q.askReference("echo", echo)}
		if nginx.url != "" {
			subjects = append(subjects, q.askReference("nginx", nginx))
		}
		got, err := compare(ctx, j.options, subjects)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		got = append(got, nil)[:4]
		toBare, toEcho, toNginx := ratios(got[0].rates(), got[1].rates()), ratios(got[0].rates(), got[2].rates()), ratios(got[0].rates(), got[3].rates())
		info, err := os.Stat(filepath.Join(files, q.file))
		if err != nil {
			return err
		}
		t.add(q.name, count(float64(info.Size())), got[0].rate(), got[1].rate(), got[2].rate(), got[3].rate(),
			ratio(toBare), ratio(toEcho), spread(toEcho), ratio(toNginx), spread(toNginx), got[0].cpu(), got[1].cpu(), got[2].cpu(), got[3].cpu())
		if q.ofEcho > 0 {
			s.atLeast(q.name+", of the bare echo handler", q.ofEcho, median(toEcho))
		}
		if q.ofNginx > 0 && nginx.url != "" {
			s.atLeast(q.name+", of nginx", q.ofNginx, median(toNginx))
		}
	}
	s.table(t)
	return nil
}

// nginx starts nginx where it is installed; otherwise what is returned has no URL.
func (j *job) nginx(ctx context.Context, name, files string, cert tlsconf.Files) (*process, error) {
	if !installed("nginx") {
		return &process{stop: func() {}}, nil
	}
	own := filepath.Join(j.scratch, name)
	if err := os.Mkdir(own, 0o755); err != nil {
		return nil, err
	}
	return startNginx(ctx, own, files, cert)
}

// filteredReads compares filtered pages with the plain one.
func (j *job) filteredReads(ctx context.Context, s *section, a *accord, page question) error {
	list, err := filters(ctx, a, readObjects)
	if err != nil {
		return err
	}
	b := beside{job: j, section: s, accord: a, what: "filtered", goal: "of the plain page", least: 0.8}
	b.table = table{title: "Filtered pages of 100 beside the plain one", head: b.head("filter")}
	for _, q := range j.wanted(list) {
		if err := b.compare(ctx, q.name, q, page); err != nil {
			return err
		}
	}
	s.table(b.table)
	return nil
}

// beside compares answers with plain ones of the same server.
type beside struct {
	job     *job
	section *section
	accord  *accord
	table   table
	what    string // is compared with plain
	goal    string
	least   float64
}

func (b *beside) head(first string) []string {
	return []string{first, b.what, "plain", b.what + " / plain", "of each turn", "CPU, " + b.what, "CPU, plain"}
}

func (b *beside) compare(ctx context.Context, name string, q, plain question) error {
	got, err := compare(ctx, b.job.options, []subject{q.ask(b.what, b.accord), plain.ask("plain", b.accord)})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	of := ratios(got[0].rates(), got[1].rates())
	b.table.add(name, got[0].rate(), got[1].rate(), ratio(of), spread(of), got[0].cpu(), got[1].cpu())
	b.section.atLeast(name+", "+b.goal, b.least, median(of))
	return nil
}

// compressedReads compares compressed pages, which are cached after the first time, with plain ones.
func (j *job) compressedReads(ctx context.Context, s *section, a *accord, asked []question) error {
	b := beside{job: j, section: s, accord: a, what: "compressed", goal: "compressed and cached, of the plain one", least: 1}
	b.table = table{title: "Compressed pages, cached, beside plain ones", head: b.head("what")}
	for _, q := range j.wanted(both(asked)) {
		if !strings.HasPrefix(q.name, "page") {
			continue
		}
		compressed := q
		compressed.coding = "gzip"
		if err := b.compare(ctx, q.name, compressed, q); err != nil {
			return err
		}
	}
	s.table(b.table)
	return nil
}
