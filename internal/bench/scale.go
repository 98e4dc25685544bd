package main

import (
	"fmt"
	"time"
)

// scale fills a collection and asks the same of it at 1,000 objects, at 10,000 and so on.
func scale(o options, bin, scratch string) error {
	a, err := startAccord(bin, scratch)
	if err != nil {
		return err
	}
	defer func() { a.stop() }()
	t := table{title: "Scale, objects of 1 kB", head: []string{"objects", "page of 100", "filtered page", "by id", "versions", "manifest of 100",
		"ingest, objects/s", "start", "file / objects", "memory after 16 readers"}}
	held := 0
	for size := 1000; size <= o.scale; size *= 10 {
		began := time.Now()
		if err := fill(a, held, size); err != nil {
			return err
		}
		ingest := float64(size-held) / time.Since(began).Seconds()
		held = size
		if err := a.stop(); err != nil {
			return fmt.Errorf("stop: %w", err)
		}
		if a, err = startAccord(bin, scratch); err != nil {
			return err
		}
		row := []string{count(float64(size))}
		for _, path := range []string{
			fmt.Sprintf("objects/?limit=100&added_after=%s", early(a)),
			fmt.Sprintf("objects/?limit=100&match%%5Btype%%5D=indicator&match%%5Bversion%%5D=first&added_after=%s", early(a)),
			"objects/" + middleID(size) + "/",
			"objects/" + middleID(size) + "/versions/",
			fmt.Sprintf("manifest/?limit=100&added_after=%s", early(a)),
		} {
			got, err := compare(o, []subject{{"accord", a.url + collection + path, headers(), a.cmd.Process.Pid}})
			if err != nil {
				return err
			}
			row = append(row, count(median(ratesOf(got)[0]))+", "+microseconds(got[0]))
		}
		t.add(append(row, count(ingest), milliseconds(a.started), fmt.Sprintf("%.2f", float64(a.fileSize())/float64(size)/1024),
			fmt.Sprintf("%.0f MB", float64(a.resident())/1e6))...)
		fmt.Fprintf(o.out, "%s objects done\n", count(float64(size)))
	}
	fmt.Fprintln(o.out)
	t.print(o.out)
	return nil
}

// early is the date_added of the 500th object, which a collection of every size has.
func early(a *accord) string {
	_, header, err := get(a.url + collection + "manifest/?limit=500")
	if err != nil {
		return ""
	}
	return header.Get("X-TAXII-Date-Added-Last")
}

func middleID(size int) string {
	return fmt.Sprintf("indicator--%08x-5b1c-4a7e-9d20-6f1e8c3b2a90", size/2)
}
