<?php

declare(strict_types=1);

/**
 * The portal's own code as this module calls it: public classes named in the developers' handbooks, none of them a contract.
 * Test all of this after every update of the portal (see README.md).
 */

namespace Annex\Lock;

use Bitrix\Main\Loader;

final class Box implements Portal
{
    public function standing(string $entity, int $record): ?array
    {
        if (!Loader::includeModule('crm')) {
            return null;
        }
        if ($entity === 'lead') {
            $row = \CCrmLead::GetByID($record, false);
            $code = is_array($row) ? (string) $row['STATUS_ID'] : '';
            $category = 0;
        } else {
            $row = \CCrmDeal::GetByID($record, false);
            $code = is_array($row) ? (string) $row['STAGE_ID'] : '';
            $category = is_array($row) ? (int) $row['CATEGORY_ID'] : 0;
        }
        $stage = $code === '' ? null : $this->stage($entity, $code, $category);
        return $stage === null ? null : ['stage' => $code] + $stage;
    }

    public function stage(string $entity, string $code, ?int $category): ?array
    {
        if ($entity === 'lead') {
            $names = \CCrmStatus::GetStatusList('STATUS');
            return isset($names[$code]) ? ['label' => (string) $names[$code], 'pipeline' => ''] : null;
        }
        $category ??= preg_match('/^C(\d+):/', $code, $found) === 1 ? (int) $found[1] : 0;
        $names = \CCrmStatus::GetStatusList($category === 0 ? 'DEAL_STAGE' : 'DEAL_STAGE_' . $category);
        if (!isset($names[$code])) {
            return null;
        }
        return [
            'label' => (string) $names[$code],
            'pipeline' => (string) \Bitrix\Crm\Category\DealCategory::getName($category),
        ];
    }

    public function user(): int
    {
        return (int) ($GLOBALS['USER'] instanceof \CUser ? $GLOBALS['USER']->GetID() : 0);
    }
}
