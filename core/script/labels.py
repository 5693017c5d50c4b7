"""The words by which scripts mark what is not spoken; data, no code. In lower case."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(","))


#: Words that, with a number, name a part of the script: "Scene 3".
SCENE_WORDS: Final = _names(
    "scene, shot, chapter, part, slide, szene, kapitel, teil, scène, chapitre, escena, capítulo, cena, scena, "
    "capitolo, hoofdstuk, scen, сцена, глава, sahne, bölüm, مشهد, दृश्य, ฉาก, cảnh, adegan"
)
#: Who speaks: the name is not spoken, the words behind it are.
SPEAKERS: Final = _names(
    "narrator, narration, narrateur, narratrice, narrador, narradora, narratore, voiceover, voice-over, voice over, "
    "vo, v.o., host, speaker, erzähler, erzählerin, sprecher, sprecherin, presenter, moderator, moderatorin, "
    "presentador, presentadora, locutor, locutora, verteller, ведущий, диктор, рассказчик, 旁白, 解说, 解說, 主持人, "
    "ナレーター, ナレーション, 내레이션, 내레이터, 나레이션, الراوي, कथावाचक, anlatıcı, lektor"
)
#: What is seen or heard beside the words: neither the name nor what is behind it is spoken.
DIRECTIONS: Final = _names(
    "visual, visuals, image, music, sound, sfx, fx, b-roll, broll, on screen, on-screen, on screen text, camera, shot, "
    "on-screen text, text on screen, musik, bild, kamera, musique, visuel, música, imagen, imagem, musica, immagine, "
    "画面, 音乐, 音楽, 映像"
)
