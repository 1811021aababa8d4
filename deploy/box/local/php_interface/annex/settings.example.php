<?php

// Copy to settings.php and fill in.
return [
    // Where `annex stage-lock-rules` writes to. Better outside of the site's folder.
    'rules' => __DIR__ . '/rules.json',
    // Ids of users who are never held up: the one whose rights Annex uses to write.
    'free' => [1],
    // Whether the working day's dialog covers the pages.
    'workday' => true,
];
