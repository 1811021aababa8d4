<?php

if (!defined('B_PROLOG_INCLUDED') || B_PROLOG_INCLUDED !== true) {
    die();
}

$settings = function_exists('Annex\\Lock\\settings') ? \Annex\Lock\settings() : ['rules' => '', 'workday' => false];
$rules = is_file($settings['rules']) ? json_decode((string) file_get_contents($settings['rules']), true) : null;

return [
    'js' => './lock.js',
    'css' => './lock.css',
    'rel' => ['main.core', 'rest.client'],
    'settings' => [
        'entities' => is_array($rules) ? $rules['entities'] : [],
        'override' => is_array($rules) ? $rules['override'] : [],
        'workday' => $settings['workday'],
    ],
];
