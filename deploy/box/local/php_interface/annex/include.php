<?php

declare(strict_types=1);

/** Included from /local/php_interface/init.php: `require __DIR__ . '/annex/include.php';` */

namespace Annex\Lock;

use Bitrix\Main\EventManager;

require_once __DIR__ . '/lock.php';
require_once __DIR__ . '/portal.php';

/** @return array{rules: string, free: list<int>, workday: bool} */
function settings(): array
{
    $own = is_file(__DIR__ . '/settings.php') ? (array) require __DIR__ . '/settings.php' : [];
    return $own + ['rules' => __DIR__ . '/rules.json', 'free' => [], 'workday' => true];
}

function handler(): Handler
{
    static $made = null;
    return $made ??= new Handler(Rules::load(settings()['rules']), new Box(), settings()['free']);
}

/** @param array<string, mixed> $fields */
function onBeforeDealUpdate(&$fields): bool
{
    return handler()->mayUpdate('deal', 'STAGE_ID', $fields);
}

/** @param array<string, mixed> $fields */
function onBeforeLeadUpdate(&$fields): bool
{
    return handler()->mayUpdate('lead', 'STATUS_ID', $fields);
}

function onEpilog(): void
{
    if (defined('ADMIN_SECTION') || !class_exists(\Bitrix\Main\UI\Extension::class)) {
        return;
    }
    \Bitrix\Main\UI\Extension::load('annex.lock');
}

$events = EventManager::getInstance();
$events->addEventHandlerCompatible('crm', 'OnBeforeCrmDealUpdate', __NAMESPACE__ . '\\onBeforeDealUpdate');
$events->addEventHandlerCompatible('crm', 'OnBeforeCrmLeadUpdate', __NAMESPACE__ . '\\onBeforeLeadUpdate');
$events->addEventHandlerCompatible('main', 'OnEpilog', __NAMESPACE__ . '\\onEpilog');
