<?php

// A box as far as the module knows it: the few classes it calls, over records that the test gives. Reads {rules, settings,
// stages, pipelines, deals, user, updates} from standard input, prints what became of each update.

declare(strict_types=1);

namespace {
    if (!function_exists('mb_strtolower')) { // every box has mbstring; the php of a test machine perhaps not
        function mb_strtolower(string $text, string $encoding): string
        {
            return strtolower($text);
        }
    }

    final class World
    {
        public static array $data;
        public static array $handlers = [];
        public static array $loaded = [];
    }

    class CUser
    {
        public function GetID(): string
        {
            return (string) World::$data['user'];
        }
    }

    class CCrmDeal
    {
        public static function GetByID($id, $check)
        {
            if (World::$data['broken'] ?? false) {
                throw new \RuntimeException('the portal changed');
            }
            return World::$data['deals'][$id] ?? false;
        }
    }

    class CCrmLead
    {
        public static function GetByID($id, $check)
        {
            return World::$data['leads'][$id] ?? false;
        }
    }

    class CCrmStatus
    {
        public static function GetStatusList($entity)
        {
            return World::$data['stages'][$entity] ?? [];
        }
    }
}

namespace Bitrix\Main {
    class Loader
    {
        public static function includeModule($name): bool
        {
            return true;
        }
    }

    class EventManager
    {
        public static function getInstance(): self
        {
            return new self();
        }

        public function addEventHandlerCompatible($module, $event, $handler): void
        {
            \World::$handlers["$module:$event"] = $handler;
        }
    }
}

namespace Bitrix\Main\UI {
    class Extension
    {
        public static function load($name): void
        {
            \World::$loaded[] = $name;
        }
    }
}

namespace Bitrix\Crm\Category {
    class DealCategory
    {
        public static function getName($id)
        {
            return \World::$data['pipelines'][$id] ?? '';
        }
    }
}

namespace {
    World::$data = json_decode(stream_get_contents(STDIN), true);
    $USER = new CUser();
    require $argv[1] . '/include.php';
    (World::$handlers['main:OnEpilog'])();
    $told = [];
    foreach (World::$data['updates'] as $update) {
        $fields = $update['fields'];
        $saved = (World::$handlers[$update['event']])($fields);
        $told[] = ['saved' => $saved, 'why' => $fields['RESULT_MESSAGE'] ?? ''];
    }
    echo json_encode(['updates' => $told, 'loaded' => World::$loaded], JSON_UNESCAPED_UNICODE);
}
