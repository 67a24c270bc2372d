#!/usr/bin/env bash
# Makes the wake word that comes with Homard, models/wake/hey-homard.wake, and measures it on voices it has not heard.
#
#   wake_word.sh FOLDER   speak everything into FOLDER (about 700 MB), learn, measure
#
# Wants espeak-ng, flite and fortunes (Debian packages), a release build of `homard`, and the model `wake-embedding`
# (`homard models pull wake-embedding`; HOMARD_MODELS names the folder). A Piper voice says more about people than
# espeak-ng does: put WAV files of one into FOLDER/test/piper, and they are measured too.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# = 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
readonly OUT=models/wake/hey-homard.wake
readonly HOMARD=${HOMARD:-target/release/homard}
FOLDER=$1
RANDOM=7

# Voices that are learnt from, and voices that are only measured.
readonly LEARN=(m1 m2 m3 m4 m6 m7 f1 f2 f3 f5 Alex Andrea Annie Denis Gene Hugo Lee Marco Mr adam anika antonio aunty
    benjamin boris caleb david ed edward grandma grandpa iven john kaukovalta klatt2 max michel norbert pablo pedro
    robert rob sandro shelby steph travis zac)
readonly TEST=(m5 m8 f4 Alicia Mike Mario linda steph2 belinda iven3 klatt4 paul quincy victor marcelo miguel edward2
    Diogo Jacky Michael)
readonly ENGLISH=(en-gb en-us en-gb-scotland en-029 en-gb-x-rp en-us-nyc)
readonly FRENCH=(fr-fr fr-be fr-ch)
# What sounds like it and is not.
readonly NEAR=("hey homer" "hey Howard" "hey Mark" "hey hold on" "hey home" "hey honey" "a hummer" "hey Harvard"
    "they hammered it" "hey, how hard is it" "hay barn" "hello mark" "homework" "hey Google" "alexa" "hey jarvis"
    "hammer" "harbour" "hey Edward" "hazard" "how odd" "hey somebody" "hey guard" "play hard" "stay at home" "hey"
    "homard" "way harder")
readonly NEAR_FRENCH=("hé" "le homard" "un homard" "au marché" "eh bien" "et au revoir" "hé ho" "retard" "regarde"
    "hé Romain" "les hommes" "des homards" "et Oscar" "hé Gaspard" "au hasard" "il est tard" "du caviar" "billard")

mkdir -p "$FOLDER"/{learn,test}/{word,other}

# between LEAST MOST
between() { echo $((RANDOM % ($2 - $1 + 1) + $1)); }

# speak FILE VOICE TEXT
speak() { espeak-ng -v "$2" -s "$(between 120 210)" -p "$(between 25 75)" -w "$1" -- "$3"; }

# English prose, a paragraph a line.
prose() {
    local file
    for file in /usr/share/games/fortunes/*.u8; do
        tr '\n' ' ' <"$file" | sed 's/ % /\n/g' | tr -dc "A-Za-z0-9,.;!?' \n" | grep -E '^.{150,500}$' || true
    done | shuf --random-source=<(yes)
}
mapfile -t PROSE < <(prose)
mapfile -t TALK < <(sed -n 's/^fr //p' models/wake/talk.txt)
[ "${#PROSE[@]}" -gt 1200 ] || { echo 'The Debian package `fortunes` is needed.' >&2; exit 1; }

at=0
for variant in "${LEARN[@]}"; do
    for _ in 1 2 3; do
        at=$((at + 1))
        speak "$FOLDER/learn/word/e$at.wav" "${ENGLISH[RANDOM % 6]}+$variant" "hey hom$([ $((at % 2)) = 0 ] && echo m)ard"
        speak "$FOLDER/learn/other/ne$at.wav" "${ENGLISH[RANDOM % 6]}+$variant" "${NEAR[at % ${#NEAR[@]}]}"
    done
    for _ in 1 2; do
        at=$((at + 1))
        speak "$FOLDER/learn/word/f$at.wav" "${FRENCH[RANDOM % 3]}+$variant" "hé homard"
        speak "$FOLDER/learn/other/nf$at.wav" "${FRENCH[RANDOM % 3]}+$variant" "${NEAR_FRENCH[at % ${#NEAR_FRENCH[@]}]}"
    done
done
for at in $(seq 0 399); do
    speak "$FOLDER/learn/other/e$at.wav" "${ENGLISH[RANDOM % 6]}+${LEARN[at % ${#LEARN[@]}]}" "${PROSE[at]}"
done
for at in $(seq 0 59); do
    speak "$FOLDER/learn/other/f$at.wav" "${FRENCH[RANDOM % 3]}+${LEARN[at % ${#LEARN[@]}]}" \
        "${TALK[*]:RANDOM % (${#TALK[@]} - 6):6}"
done
for voice in awb kal16 kal; do
    for stretch in 0.8 0.9 1.0 1.1 1.2 1.3; do
        for text in 'hey homard' 'hey ho mard' 'hey hommard' 'hey, homard'; do
            at=$((at + 1))
            flite -voice $voice --setf duration_stretch=$stretch -t "$text" "$FOLDER/learn/word/$voice$at.wav"
        done
    done
    for n in $(seq 400 440); do
        flite -voice $voice -t "${PROSE[n]}" "$FOLDER/learn/other/$voice$n.wav"
    done
done

for variant in "${TEST[@]}"; do
    for voice in en-gb en-us fr-fr; do
        at=$((at + 1))
        speak "$FOLDER/test/word/$at.wav" "$voice+$variant" 'hey homard'
    done
done
for n in $(seq 500 699); do
    speak "$FOLDER/test/other/e$n.wav" "${ENGLISH[RANDOM % 2]}+${TEST[n % ${#TEST[@]}]}" "${PROSE[n]}"
done
for voice in slt rms; do
    for n in $(seq 700 734); do
        flite -voice $voice -t "${PROSE[n]}" "$FOLDER/test/other/$voice$n.wav"
    done
done

"$HOMARD" wake 'hey homard' --only-recordings --recordings "$FOLDER/learn/word" --others "$FOLDER/learn/other" --out "$OUT"
for words in "$FOLDER"/test/word "$FOLDER"/test/piper; do
    [ -d "$words" ] || continue
    echo "$words"
    "$HOMARD" wake 'hey homard' --measure --recordings "$words" --others "$FOLDER/test/other" --out "$OUT"
done
