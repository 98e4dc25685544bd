#!/bin/bash
# Starts a cluster of three nodes on loopback, with nginx in front where it is installed, until it is interrupted. make cluster
# runs it: for anybody who wants to look. Everything lies in a folder of its own, which is named at the start.
set -euo pipefail
accord=${1:-bin/accord}
work=$(mktemp -d)
pids=()
end() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
	echo "The folders are in $work"
}
trap end EXIT
trap 'exit 0' INT TERM

cat > "$work/exchange.yaml" <<'YAML'
api_roots: [{name: demo, title: A cluster to look at}]
parties: [{name: vendor}, {name: agency}]
accounts:
  - {name: vendor, party: vendor, password_env: DEMO_PASSWORD}
  - {name: agency, party: agency, password_env: DEMO_PASSWORD}
agreements:
  - {name: feed, api_root: demo, collection: {alias: feed}, parties: [{party: vendor, roles: [producer, consumer]}, {party: agency, roles: [consumer, auditor]}]}
YAML
export DEMO_PASSWORD=${DEMO_PASSWORD:-a-password-for-a-look}

node() { # NAME NUMBER
	"$accord" serve --data "$work/$1" --listen "127.0.0.1:611$2" --plain-http --cluster-listen "127.0.0.1:612$2" \
		--ops-listen "127.0.0.1:613$2" --log-format json > "$work/$1.log" 2>&1 &
	pids+=($!)
	for _ in $(seq 300); do
		if curl -sf "http://127.0.0.1:613$2/readyz" > /dev/null; then return; fi
		sleep 0.1
	done
	echo "the node $1 does not become ready: see $work/$1.log" >&2
	exit 1
}

"$accord" apply -f "$work/exchange.yaml" --data "$work/a" > /dev/null
"$accord" cluster init --node a --data "$work/a"
node a 1
for next in "b 2" "c 3"; do
	set -- $next
	"$accord" cluster join "$("$accord" cluster invite --node "$1" --data "$work/a")" --data "$work/$1"
	node "$1" "$2"
done

front=http://127.0.0.1:6111
if command -v nginx > /dev/null; then
	cat > "$work/nginx.conf" <<NGINX
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.log;
events {}
http {
	access_log off;
	client_body_temp_path $work/body;
	proxy_temp_path $work/proxy;
	fastcgi_temp_path $work/f;
	uwsgi_temp_path $work/u;
	scgi_temp_path $work/s;
	client_max_body_size 100m;
	upstream nodes {
		hash \$http_authorization consistent; # an account stays on one node
		server 127.0.0.1:6111;
		server 127.0.0.1:6112;
		server 127.0.0.1:6113;
	}
	server {
		listen 127.0.0.1:6110;
		location / {
			proxy_pass http://nodes;
			proxy_set_header Host 127.0.0.1;
			proxy_next_upstream error timeout http_503 non_idempotent;
		}
	}
}
NGINX
	nginx -c "$work/nginx.conf" -p "$work" &
	pids+=($!)
	front=http://127.0.0.1:6110
else
	echo "nginx is not installed: there is nothing in front of the nodes" >&2
fi

"$accord" cluster list --data "$work/a" || true
cat <<TEXT

Three nodes run; their folders and logs are in $work. Try:
  curl -u vendor:$DEMO_PASSWORD -H 'Accept: application/taxii+json;version=2.1' $front/demo/collections/feed/objects/
  $accord cluster list --data $work/b
  kill ${pids[0]}          # the node a; then list again, at b
Interrupt ends them.
TEXT
wait
