<?php
// The front page: photos and the guest book, put into the template.

const BOOK = __DIR__ . '/../data/guestbook';

function photo_list(): string
{
    $items = '';
    foreach (glob(__DIR__ . '/../photos/*.png') as $file) {
        $name = basename($file, '.png');
        $items .= "<li><img src=\"thumb.php?photo=$name&amp;size=160x120\" alt=\"$name\"></li>\n";
    }
    return $items;
}

function entry_list(string $query): string
{
    $items = '';
    foreach (is_file(BOOK) ? file(BOOK) : [] as $line) {
        [$name, $message] = json_decode($line);
        if ($query === '' || stripos("$name $message", $query) !== false) {
            $items .= '<dt>' . htmlspecialchars($name) . '<dd>' . htmlspecialchars($message) . "\n";
        }
    }
    return $items;
}

$query = (string) ($_GET['q'] ?? '');
echo strtr(file_get_contents(__DIR__ . '/page.html'), [
    '{photos}' => photo_list(),
    '{query}' => htmlspecialchars($query),
    '{entries}' => entry_list($query),
]);
