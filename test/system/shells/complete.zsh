# Prints what an interactive zsh would offer, a word each.
#   zsh complete.zsh FOLDER LINE      FOLDER of completion functions; LINE up to the cursor
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT= fpath=(${(q)1} \$fpath)
autoload -Uz compinit && compinit -u -D
compadd() {
  [[ \${@[1,(i)(-|--)]} == *-[OAD]\ * ]] && { builtin compadd \"\$@\"; return }
  local -a hits
  builtin compadd -A hits \"\$@\"
  (( \$#hits )) && print -rl -- 'offered '\${^hits}
  builtin compadd \"\$@\"
}
finish() { print 'offered all' }
comppostfuncs=(finish)
print rea''dy"
zpty -r shell output '*ready*'
zpty -w -n shell "$2"$'\t'
zpty -r shell output '*offered all*'
for line in ${(f)output//$'\r'/}; [[ $line == *'offered '* && $line != *'offered all'* ]] && print -r -- ${line##*offered }
true
