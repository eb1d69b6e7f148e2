<?php
// A photo in another size. That a page runs a program is this site's business as usual; but `size` goes into the shell's
// command as it came from the visitor. This is the hole that the demo goes through: never write this.

$photo = realpath(__DIR__ . '/../photos/' . basename((string) ($_GET['photo'] ?? '')) . '.png');
$size = (string) ($_GET['size'] ?? '160x120');
if ($photo === false) {
    http_response_code(404);
    exit("There is no such photo.\n");
}
header('Content-Type: image/png');
echo shell_exec('convert ' . escapeshellarg($photo) . " -resize $size png:-");
