sed "s/max_examples=12/max_examples=${1:-150}/" tests/test_passing_everywhere.py > tests/test_tmp_every.py; cat >> tests/test_tmp_every.py <<'EOT'

_orig = Reform.check_back
STAT = Counter()
def counting(self, kept, admin):
    import models
    for p in db.session.scalars(db.select(models.Passing)):
        STAT[p.holder, tuple(sorted(p.after))] += 1
    for e in db.session.scalars(db.select(models.Event)):
        if e.kind=="incident.passed_on": STAT["by", e.facts["by"], bool(e.facts.get("merged"))]+=1
        if e.kind=="user.passed_on": STAT["user", e.facts["by"]]+=1
    return _orig(self, kept, admin)
Reform.check_back = counting
def test_z():
    print(STAT)
EOT
nice -n 19 .venv/bin/python -m pytest tests/test_tmp_every.py -q -x -s -k "${2:-sqlite} or test_z" 2>&1 | grep -v "^\.venv\|^    " | tail -60; date
rm tests/test_tmp_every.py
